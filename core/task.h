// Task<T>: a lazy coroutine that one parent awaits, or that a TaskScope owns.
//
// A task runs on one shard. Cancelling means asking and then waiting: the root task's TaskContext
// forwards the request to the wait that is pending, which ends with ErrorCode::cancelled once
// the kernel has let go of what it borrowed. A frame with a pending wait is never destroyed.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstdlib>
#include <exception>
#include <optional>
#include <utility>

#include "core/assert.h"
#include "core/frame_pool.h"

namespace sluice {

// A suspension that can be asked to end early. It registers with the TaskContext of its task
// for as long as it is pending.
class PendingWait {
 public:
  virtual void request_cancel() noexcept = 0;

 protected:
  ~PendingWait() = default;
};

// What the frames of one spawned task share: whether it was asked to stop, and its pending wait.
// A task awaits one thing at a time, so there is at most one.
class TaskContext {
 public:
  TaskContext() = default;
  TaskContext(const TaskContext&) = delete;
  TaskContext& operator=(const TaskContext&) = delete;
  ~TaskContext() { SLUICE_ASSERT(pending_ == nullptr, "a task ends with nothing pending"); }

  bool is_cancelled() const { return is_cancelled_; }

  void request_cancel() {
    is_cancelled_ = true;
    if (pending_ != nullptr) pending_->request_cancel();
  }

  // A wait registers when it suspends and leaves before its task is resumed.
  void enter(PendingWait& wait) {
    SLUICE_ASSERT(pending_ == nullptr, "a task awaits one thing at a time");
    pending_ = &wait;
  }
  void leave(PendingWait& wait) {
    SLUICE_ASSERT(pending_ == &wait, "the wait that left is the one that entered");
    pending_ = nullptr;
  }

 private:
  PendingWait* pending_ = nullptr;
  bool is_cancelled_ = false;
};

// The part of a promise that does not depend on the result. Awaiters of waits take
// `std::coroutine_handle<Promise>` with `std::derived_from<Promise, TaskPromise>`.
class TaskPromise {
 public:
  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <std::derived_from<TaskPromise> Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      return self.promise().continuation_;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

  static void* operator new(std::size_t bytes) { return take_frame(bytes); }
  static void operator delete(void* frame, std::size_t bytes) { give_frame(frame, bytes); }

  TaskContext& context() const { return *context_; }
  void attach(std::coroutine_handle<> continuation, TaskContext& context) {
    continuation_ = continuation;
    context_ = &context;
  }

 private:
  std::coroutine_handle<> continuation_;
  TaskContext* context_ = nullptr;
};

template <class T>
class [[nodiscard]] Task;

namespace internal {

template <class T>
class ValuePromise : public TaskPromise {
 public:
  Task<T> get_return_object();
  template <class U>
    requires std::constructible_from<T, U&&>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    SLUICE_ASSERT(value_.has_value(), "a task that ended has returned");
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class ValuePromise<void> : public TaskPromise {
 public:
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace internal

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::ValuePromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  struct Awaiter {
    Handle child;
    bool await_ready() const noexcept { return false; }
    template <std::derived_from<TaskPromise> Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) const noexcept {
      child.promise().attach(parent, parent.promise().context());
      return child;
    }
    T await_resume() const { return child.promise().take(); }
  };
  // The task outlives the statement that awaits it: a named task or the temporary itself.
  Awaiter operator co_await() const noexcept { return Awaiter{handle_}; }

 private:
  Handle handle_;
};

namespace internal {

template <class T>
Task<T> ValuePromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<ValuePromise>::from_promise(*this));
}
inline Task<void> ValuePromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<ValuePromise>::from_promise(*this));
}

}  // namespace internal

// co_await current_context() gives the TaskContext of the running task, to look for a request to
// stop in a loop that does not wait.
struct CurrentContext {
  TaskContext* context = nullptr;
  bool await_ready() const noexcept { return false; }
  template <std::derived_from<TaskPromise> Promise>
  bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
    context = &self.promise().context();
    return false;
  }
  TaskContext& await_resume() const noexcept { return *context; }
};
inline CurrentContext current_context() { return {}; }

}  // namespace sluice
