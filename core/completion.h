// Completion: a task waits for a value that another thread makes, and cannot be cancelled
// meanwhile.
//
// The task creates it, hands its address over with the request and awaits wait(). The other thread
// sends a Letter to the task's shard that calls complete(). Because the wait has no deadline and
// no cancellation, the address stays valid until then: what the other thread borrowed from the
// task (a body, a buffer) is safe as well. Used on the shard's thread only.
#pragma once

#include <optional>
#include <utility>

#include "core/shard.h"
#include "core/wait.h"

namespace sluice {

template <class T>
class Completion {
 public:
  explicit Completion(Shard& shard) : point_(shard.run_queue()) {}

  // Once. May come before the task waits.
  void complete(T value) {
    SLUICE_ASSERT(!value_.has_value(), "a completion completes once");
    value_.emplace(std::move(value));
    if (point_.has_waiter()) point_.resume();
  }

  // Once. Gives the value.
  Task<T> wait() {
    if (!value_.has_value()) co_await point_;
    co_return std::move(*value_);
  }

 private:
  ResumePoint point_;
  std::optional<T> value_;
};

}  // namespace sluice
