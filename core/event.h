// Event: tasks of one shard wait for a change that other code of the same shard announces.
//
// It holds no state: a waiter looks at its condition, waits, and looks again. A notification
// without a waiter is lost, which is right for that pattern.
#pragma once

#include "core/clock.h"
#include "core/error.h"
#include "core/task.h"

namespace sluice {

class Shard;

class Event {
 public:
  explicit Event(Shard& shard) : shard_(shard) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event();  // asserts that nobody waits

  // Ends when notified; timed_out at the deadline; cancelled when the task is.
  Task<Result<void>> wait(Deadline deadline);

  void notify_one();
  void notify_all();
  bool has_waiters() const { return first_ != nullptr; }

  struct Waiter;  // defined in event.cc

 private:
  friend struct Waiter;
  Shard& shard_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

}  // namespace sluice
