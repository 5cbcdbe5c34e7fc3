// The twin of thread_setup: threads that take turns need no core of their own.
#include "core/thread_setup.h"

namespace sluice {

void set_up_thread(const std::string& /*name*/) {}
std::vector<unsigned> usable_cores() { return {0}; }
void keep_on_cores(const std::vector<unsigned>& /*cores*/) {}

}  // namespace sluice
