// TaskScope: owns the tasks it spawned, can ask them to stop, and waits for them. Nothing is
// detached: a scope is closed or joined before it is destroyed (asserted).
#pragma once

#include <cstddef>

#include "core/task.h"

namespace sluice {

class RunQueue;

class TaskScope {
 public:
  explicit TaskScope(RunQueue& run_queue) : run_queue_(run_queue) {}
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;
  ~TaskScope();  // asserts that no task is left

  // Runs the task at once up to its first suspension, and owns it until it ends. In a scope that
  // was cancelled, the task starts cancelled: its first wait ends with ErrorCode::cancelled.
  void spawn(Task<void> task);

  // Asks every task to stop. New waits of these tasks end at once with ErrorCode::cancelled.
  void cancel();

  // Waits until every task has ended, also those spawned meanwhile. When the task that joins is
  // itself cancelled, the request is passed on to the scope, and the wait goes on. One task joins
  // at a time.
  Task<void> join();

  // cancel() and join().
  Task<void> close();

  std::size_t size() const { return size_; }
  bool is_cancelled() const { return is_cancelled_; }

  // Implementation: the frame that owns one spawned task, and the wait of the one that joins.
  class Root;
  class Join;

 private:
  void add(Root& root);
  void remove(Root& root);

  RunQueue& run_queue_;
  Root* first_ = nullptr;  // intrusive list of the tasks that have not ended
  Join* joining_ = nullptr;
  std::size_t size_ = 0;
  bool is_cancelled_ = false;
};

}  // namespace sluice
