// How a thread of the process introduces itself to the kernel: its name, its core, its signals.
#pragma once

#include <string>
#include <vector>

namespace sluice {

// Names the calling thread (at most 15 bytes, shown by ps and top) and blocks all signals on it,
// so that they reach the thread that waits for them.
void set_up_thread(const std::string& name);

// The cores that this process may use: not all of the machine's in a container or under taskset.
std::vector<unsigned> usable_cores();

// Keeps the calling thread on these cores. A kernel that refuses leaves it where it was, which is
// slower and no error.
void keep_on_cores(const std::vector<unsigned>& cores);

}  // namespace sluice
