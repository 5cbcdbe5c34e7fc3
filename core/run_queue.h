// RunQueue: the coroutines of one shard that may go on. The shard's loop resumes them in order.
//
// What ends a wait (a completion, a timer, a notification, a cancellation) pushes here and never
// resumes directly, so no task runs inside another's call.
#pragma once

#include <coroutine>
#include <cstddef>
#include <vector>

namespace sluice {

class RunQueue {
 public:
  void push(std::coroutine_handle<> handle) { ready_.push_back(handle); }
  bool empty() const { return ready_.empty(); }

  // Resumes what was ready when it was called; what becomes ready meanwhile waits for the next
  // call, so that I/O gets its turn. Returns how many it resumed.
  std::size_t run();

 private:
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;
};

}  // namespace sluice
