// TaskScope: owns the tasks it spawned, can ask them to stop, and waits for them. Nothing is
// detached: a scope is closed or joined before it is destroyed (asserted).
#pragma once

#include <cstddef>

#include "core/task.h"

namespace sluice {

class RunQueue;

class TaskScope {
 public:
  explicit TaskScope(RunQueue& run_queue);
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;
  ~TaskScope();  // asserts that no task is left

  // Runs the task at once up to its first suspension, and owns it until it ends. In a scope that
  // was cancelled, the task starts cancelled: its first wait ends with ErrorCode::cancelled.
  void spawn(Task<void> task);

  // Asks every task to stop. New waits of these tasks end at once with ErrorCode::cancelled.
  void cancel();

  // Waits until every task has ended, also those spawned meanwhile. When the task that joins is
  // itself cancelled, the request is passed on to the scope, and the wait goes on.
  Task<void> join();

  // cancel() and join().
  Task<void> close();

  std::size_t size() const;
  bool is_cancelled() const;

  // Implementation: a root frame, defined in task_scope.cc.
  struct Root;

 private:
  friend struct Root;
  RunQueue& run_queue_;
  Root* first_ = nullptr;  // intrusive list of live roots
  std::size_t size_ = 0;
  bool is_cancelled_ = false;
  PendingWait* joiner_ = nullptr;
  std::coroutine_handle<> joining_;
};

}  // namespace sluice
