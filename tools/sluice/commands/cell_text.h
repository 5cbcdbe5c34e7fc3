// What a cell of a table says: waits, ages, texts that are cut to their room. For people.
#pragma once

#include <cstddef>
#include <string>

namespace sluice::commands {

// "in 4m10s", "in 2h05m", "now": a wait of so many seconds.
std::string show_wait(long long seconds);
// "4m10s": how long something has been.
std::string show_age(long long seconds);
// At most so many bytes, with "..." where something is left out.
std::string shorten(const std::string& text, std::size_t bytes_max);

}  // namespace sluice::commands
