#include "shaping/scheduled_queue.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/random.h"

namespace sluice::shaping {
namespace {

TEST(ScheduledQueue, TakesInTheOrderOfInstants) {
  ScheduledQueue<int> queue;
  queue.push(Instant(30), 3);
  queue.push(Instant(10), 1);
  queue.push(Instant(20), 2);
  EXPECT_EQ(queue.next(), Instant(10));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), 2);
  EXPECT_EQ(queue.pop(), 3);
}

TEST(ScheduledQueue, SaysWhatIsDue) {
  ScheduledQueue<int> queue;
  EXPECT_FALSE(queue.has_due(Instant(1'000)));
  EXPECT_EQ(queue.next(), Instant::far_future());
  queue.push(Instant(10), 1);
  EXPECT_FALSE(queue.has_due(Instant(9)));
  EXPECT_TRUE(queue.has_due(Instant(10)));
}

TEST(ScheduledQueue, KeepsEveryItemOfARandomMix) {
  ScheduledQueue<std::uint64_t> queue;
  Random random(7);
  std::uint64_t pushed = 0;
  std::uint64_t popped = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto due = random.below(1'000'000);
    queue.push(Instant(static_cast<std::int64_t>(due)), due);
    pushed += due;
    if (random.below(3) == 0) popped += queue.pop();
  }
  std::uint64_t last = 0;
  while (!queue.empty()) {
    const auto due = queue.pop();
    EXPECT_GE(due, last);
    last = due;
    popped += due;
  }
  EXPECT_EQ(pushed, popped);
}

TEST(ScheduledQueue, VisitsUntilTheVisitorHasEnough) {
  ScheduledQueue<int> queue;
  for (int item = 0; item < 10; ++item) queue.push(Instant(item), item);
  int seen = 0;
  queue.for_each([&](int) { return ++seen < 4; });
  EXPECT_EQ(seen, 4);
}

}  // namespace
}  // namespace sluice::shaping
