#include "core/run_queue.h"

#include "core/assert.h"

namespace sluice {

std::size_t RunQueue::run() {
  SLUICE_ASSERT(running_.empty(), "no task runs the queue that runs it");
  running_.swap(ready_);
  for (const std::coroutine_handle<> handle : running_) handle.resume();
  const std::size_t count = running_.size();
  running_.clear();
  return count;
}

}  // namespace sluice
