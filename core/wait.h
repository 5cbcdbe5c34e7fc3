// Wait and ResumePoint: how a task of a shard is suspended and goes on again.
//
// A Wait has a deadline and can be cancelled; a ResumePoint has neither, for what must be waited
// for to the end. Both resume through the shard's run queue. They lie in the waiting frame or in
// the object that is waited for, and are used on the shard's thread.
#pragma once

#include <coroutine>
#include <cstdint>

#include "core/clock.h"
#include "core/error.h"
#include "core/run_queue.h"
#include "core/task.h"
#include "core/timer_wheel.h"

namespace sluice {

class Shard;

enum class WaitEnd : std::uint8_t { done, timed_out, cancelled };

// co_await wait; gives the WaitEnd. Deriving classes say what starts when the task is suspended
// and what the deadline or a request to stop does.
class Wait : private PendingWait, private Timer {
 public:
  Wait(Shard& shard, Deadline deadline) : shard_(shard), deadline_(deadline) {}

  // Ends the wait; once, while it is pending.
  void finish(WaitEnd end);
  bool is_pending() const { return context_ != nullptr; }

  bool await_ready() const noexcept { return false; }
  template <std::derived_from<TaskPromise> Promise>
  bool await_suspend(std::coroutine_handle<Promise> task) {
    return suspend(task, task.promise().context());
  }
  WaitEnd await_resume() const noexcept { return end_; }

 protected:
  ~Wait() { SLUICE_ASSERT(!is_pending(), "a frame with a pending wait is not destroyed"); }

  Shard& shard() const { return shard_; }

  // Called when the task is suspended; not at all when it was cancelled before.
  virtual void start() {}

  // Called when the deadline passes or the task is asked to stop, perhaps for both. Whoever must
  // wait for the kernel first asks it here, and finishes later.
  virtual void interrupt(WaitEnd why) noexcept { finish(why); }

 private:
  bool suspend(std::coroutine_handle<> task, TaskContext& context);
  void request_cancel() noexcept override { interrupt(WaitEnd::cancelled); }
  void on_timer() noexcept override { interrupt(WaitEnd::timed_out); }

  Shard& shard_;
  Deadline deadline_;
  std::coroutine_handle<> task_;
  TaskContext* context_ = nullptr;  // while pending
  WaitEnd end_ = WaitEnd::done;
};

// co_await point; waits until somebody calls resume(). One task at a time.
class ResumePoint {
 public:
  explicit ResumePoint(RunQueue& run_queue) : run_queue_(run_queue) {}
  ResumePoint(const ResumePoint&) = delete;
  ResumePoint& operator=(const ResumePoint&) = delete;
  ~ResumePoint() { SLUICE_ASSERT(!has_waiter(), "nobody waits at a point that is destroyed"); }

  bool has_waiter() const { return task_ != nullptr; }
  void resume() {
    SLUICE_ASSERT(has_waiter(), "somebody waits to be resumed");
    run_queue_.push(std::exchange(task_, nullptr));
  }

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> task) {
    SLUICE_ASSERT(!has_waiter(), "one task waits at a point");
    task_ = task;
  }
  void await_resume() const noexcept {}

 private:
  RunQueue& run_queue_;
  std::coroutine_handle<> task_;
};

// The Error of a wait that did not end as it should.
std::unexpected<Error> wait_error(WaitEnd end, std::string_view what);

}  // namespace sluice
