#include "core/executor.h"

#include <gtest/gtest.h>

#include <atomic>

namespace sluice {
namespace {

// A step that counts its calls, and a way to wait for them.
struct Steps {
  std::atomic<int> calls = 0;

  Instant count(Instant next) {
    calls.fetch_add(1);
    calls.notify_all();
    return next;
  }
  void wait_for(int wanted) const {
    for (int seen = calls.load(); seen < wanted; seen = calls.load()) calls.wait(seen);
  }
};

TEST(Worker, StepsOnceAndThenSleepsUntilItIsWoken) {
  Steps steps;
  Executor executor;
  const auto worker =
      executor.start("test-worker", [&steps] { return steps.count(Instant::far_future()); });
  steps.wait_for(1);
  worker->wake();
  steps.wait_for(2);
  worker->stop();
  EXPECT_EQ(steps.calls, 2);
}

TEST(Worker, AWakeDuringAStepCausesOneMore) {
  Steps steps;
  std::atomic<bool> may_go_on = false;
  Executor executor;
  const auto worker = executor.start("test-worker", [&] {
    const Instant next = steps.count(Instant::far_future());
    may_go_on.wait(false);
    return next;
  });
  steps.wait_for(1);
  worker->wake();
  worker->wake();
  may_go_on = true;
  may_go_on.notify_all();
  steps.wait_for(2);
  worker->stop();
  EXPECT_EQ(steps.calls, 2);
}

TEST(Worker, StepsAgainAtOnceOrAtItsInstant) {
  Steps steps;
  const Clock clock;
  Instant due(0);
  std::atomic<int> early = 0;
  Executor executor;
  const auto worker = executor.start("test-worker", [&] {
    if (clock.now() < due) early.fetch_add(1);
    const bool is_first = steps.calls == 0;
    due = is_first ? clock.now() : clock.now() + std::chrono::milliseconds(3);
    return steps.count(due);
  });
  steps.wait_for(6);
  worker->stop();
  EXPECT_EQ(early, 0);
}

TEST(Worker, StopsWhileItSleeps) {
  Steps steps;
  Executor executor;
  const auto worker =
      executor.start("test-worker", [&steps] { return steps.count(Instant::far_future()); });
  steps.wait_for(1);
  worker->stop();
  worker->stop();  // twice is once
  EXPECT_EQ(steps.calls, 1);
}

TEST(Worker, LosesNoWake) {
  std::atomic<int> handed_over = 0;
  std::atomic<int> seen = 0;
  Executor executor;
  const auto worker = executor.start("test-worker", [&] {
    seen = handed_over.load();
    seen.notify_all();
    return Instant::far_future();
  });
  for (int i = 1; i <= 5'000; ++i) {
    handed_over = i;
    worker->wake();
    for (int now = seen.load(); now < i; now = seen.load()) seen.wait(now);
  }
  worker->stop();
  EXPECT_EQ(seen, 5'000);
}

}  // namespace
}  // namespace sluice
