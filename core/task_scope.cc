#include "core/task_scope.h"

#include "core/run_queue.h"

namespace sluice {

namespace {

// What the coroutine that runs a spawned task returns: nothing, its scope owns it.
struct RootTask {
  using promise_type = TaskScope::Root;
};

}  // namespace

// The promise of that coroutine. It is what the scope links: it carries the TaskContext that the
// frames of the task share, and leaves the scope when the task has ended.
class TaskScope::Root final : public TaskPromise {
 public:
  Root(TaskScope& scope, Task<void>& /*task*/) : scope_(scope) {
    attach(nullptr, context_);
    scope.add(*this);
  }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;
  ~Root() { scope_.remove(*this); }

  RootTask get_return_object() const noexcept { return {}; }
  std::suspend_never initial_suspend() const noexcept { return {}; }
  std::suspend_never final_suspend() const noexcept { return {}; }  // the frame destroys itself
  void return_void() const noexcept {}

 private:
  friend class TaskScope;

  TaskScope& scope_;
  TaskContext context_;
  Root* previous_ = nullptr;
  Root* next_ = nullptr;
};

namespace {

// The task's own frame is gone before the scope hears that it ended.
RootTask run_root(TaskScope& /*scope*/, Task<void> task) {
  const Task<void> owned = std::move(task);
  co_await owned;
}

}  // namespace

// The wait of the task that joins a scope.
class TaskScope::Join final : public PendingWait {
 public:
  explicit Join(TaskScope& scope) : scope_(scope) {}

  bool await_ready() const noexcept { return scope_.size_ == 0; }
  template <std::derived_from<TaskPromise> Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    SLUICE_ASSERT(scope_.joining_ == nullptr, "one task joins a scope at a time");
    task_ = task;
    context_ = &task.promise().context();
    scope_.joining_ = this;
    context_->enter(*this);
    if (context_->is_cancelled()) scope_.cancel();
  }
  void await_resume() const noexcept {}

  void request_cancel() noexcept override { scope_.cancel(); }

  void end() {
    context_->leave(*this);
    scope_.joining_ = nullptr;
    scope_.run_queue_.push(task_);
  }

 private:
  TaskScope& scope_;
  std::coroutine_handle<> task_;
  TaskContext* context_ = nullptr;
};

TaskScope::~TaskScope() { SLUICE_ASSERT(size_ == 0, "a scope is joined before it is destroyed"); }

void TaskScope::spawn(Task<void> task) { run_root(*this, std::move(task)); }

void TaskScope::cancel() {
  is_cancelled_ = true;
  // A request never resumes a task directly, so the list stands still meanwhile.
  for (Root* root = first_; root != nullptr; root = root->next_) root->context_.request_cancel();
}

Task<void> TaskScope::join() {
  // What a task spawned as its last act is waited for too.
  while (size_ > 0) {
    Join join(*this);
    co_await join;
  }
}

Task<void> TaskScope::close() {
  cancel();
  co_await join();
}

void TaskScope::add(Root& root) {
  if (is_cancelled_) root.context_.request_cancel();
  root.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &root;
  first_ = &root;
  ++size_;
}

void TaskScope::remove(Root& root) {
  SLUICE_ASSERT(size_ > 0, "a task leaves the scope it entered");
  if (root.previous_ != nullptr) root.previous_->next_ = root.next_;
  if (root.next_ != nullptr) root.next_->previous_ = root.previous_;
  if (first_ == &root) first_ = root.next_;
  --size_;
  if (size_ == 0 && joining_ != nullptr) joining_->end();
}

}  // namespace sluice
