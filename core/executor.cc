#include "core/executor.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "core/assert.h"
#include "core/thread_setup.h"

namespace sluice {

namespace {

class ThreadWorker final : public Worker {
 public:
  ThreadWorker(std::string name, WorkerStep step) : step_(std::move(step)) {
    thread_ = std::thread([this, name = std::move(name)] { run(name); });
  }
  ~ThreadWorker() override {
    SLUICE_ASSERT(!thread_.joinable(), "a worker is stopped before it is destroyed");
  }

  void wake() override {
    // Whoever finds it set already may go: the step that follows is still to come.
    if (is_woken_.exchange(true, std::memory_order_acq_rel)) return;
    notify();
  }

  void stop() override {
    if (!thread_.joinable()) return;
    is_stopping_.store(true, std::memory_order_release);
    notify();
    thread_.join();
  }

 private:
  void notify() {
    {
      const std::lock_guard lock(mutex_);
    }  // the sleeper has looked, or will look later
    changed_.notify_one();
  }

  bool must_run() const {
    return is_woken_.load(std::memory_order_acquire) ||
           is_stopping_.load(std::memory_order_acquire);
  }

  void run(const std::string& name) {
    set_up_thread(name);
    keep_on_cores(usable_cores());  // not on that of a pinned thread that started it
    while (!is_stopping_.load(std::memory_order_acquire)) {
      is_woken_.exchange(false, std::memory_order_acq_rel);
      sleep_until(step_());
    }
  }

  void sleep_until(Instant next) {
    if (next != Instant::far_future() && next <= clock_.now()) return;
    const auto is_due = [this] { return must_run(); };
    std::unique_lock lock(mutex_);
    if (next == Instant::far_future()) {
      changed_.wait(lock, is_due);
      return;
    }
    // Instant counts what the steady clock counts: CLOCK_MONOTONIC in nanoseconds.
    const std::chrono::steady_clock::time_point until{Duration(next.nanoseconds())};
    changed_.wait_until(lock, until, is_due);
  }

  WorkerStep step_;
  Clock clock_;
  std::atomic<bool> is_woken_{false};
  std::atomic<bool> is_stopping_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Worker> Executor::start(std::string name, WorkerStep step) {
  SLUICE_ASSERT(step != nullptr, "a worker has something to do");
  return std::make_unique<ThreadWorker>(std::move(name), std::move(step));
}

}  // namespace sluice
