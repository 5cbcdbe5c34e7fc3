#include "spool/queue_names.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice::spool {
namespace {

TEST(QueueNames, ANameHasOneNumberWhileItIsHeld) {
  QueueNames names;
  const QueueHold first = names.hold("acme@example.net");
  const QueueHold again = names.hold("acme@example.net");
  const QueueHold other = names.hold("acme@example.org");
  EXPECT_EQ(first.number(), again.number());
  EXPECT_NE(first.number(), other.number());
  EXPECT_EQ(first.name(), "acme@example.net");
  EXPECT_EQ(names.name(first.number()), "acme@example.net");
}

TEST(QueueNames, IsForgottenWithItsLastHold) {
  QueueNames names;
  QueueHold hold = names.hold("acme@example.net");
  const std::uint32_t number = hold.number();
  names.hold(number);
  QueueHold moved = std::move(hold);
  moved = QueueHold();
  EXPECT_EQ(names.name(number), "acme@example.net");
  names.release(number);
  EXPECT_EQ(names.name(number), "");
  EXPECT_EQ(names.size(), 0U);
}

TEST(QueueNames, ANumberIsNotGivenAgainSoon) {
  QueueNames names;
  const std::uint32_t number = names.hold("gone@example.net").number();
  const QueueHold next = names.hold("next@example.net");
  const QueueHold back = names.hold("gone@example.net");
  EXPECT_NE(next.number(), number);
  EXPECT_NE(back.number(), number);
}

TEST(QueueNames, GoesRoundWhenTheNumbersEnd) {
  QueueNames names;
  ASSERT_TRUE(names.load(UINT32_MAX, "last@example.net"));
  ASSERT_TRUE(names.load(1, "first@example.net"));
  const QueueHold next = names.hold("next@example.net");
  EXPECT_EQ(next.number(), 2U);
}

TEST(QueueNames, EachPartitionThatStoresANameHoldsIt) {
  QueueNames names;
  ASSERT_TRUE(names.load(5, "acme@example.net"));
  ASSERT_TRUE(names.load(5, "acme@example.net"));
  names.release(5);
  EXPECT_EQ(names.hold("acme@example.net").number(), 5U);
  names.release(5);
  EXPECT_EQ(names.size(), 0U);
}

// What one thread gives back last, another asks for at the same moment.
TEST(QueueNames, IsHeldAndReleasedByManyThreads) {
  QueueNames names;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&names] {
      for (int i = 0; i < 20'000; ++i) {
        const QueueHold hold = names.hold("acme@example.net");
        EXPECT_EQ(names.name(hold.number()), "acme@example.net");
        EXPECT_EQ(names.hold("acme@example.net").number(), hold.number());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(names.size(), 0U);
}

}  // namespace
}  // namespace sluice::spool
