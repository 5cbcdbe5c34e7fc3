#include "core/memory_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sluice {
namespace {

TEST(MemoryBudget, GrantsUpToItsLimitAndNotAByteMore) {
  MemoryBudget budget(ByteCount(100));
  EXPECT_TRUE(budget.try_reserve(ByteCount(60)));
  EXPECT_FALSE(budget.try_reserve(ByteCount(41)));
  EXPECT_TRUE(budget.try_reserve(ByteCount(40)));
  EXPECT_EQ(budget.used(), ByteCount(100));
  EXPECT_FALSE(budget.try_reserve(ByteCount(1)));
  budget.release(ByteCount(100));
  EXPECT_EQ(budget.used(), ByteCount(0));
}

TEST(MemoryBudget, RefusesASizeThatWouldWrapAround) {
  MemoryBudget budget(ByteCount(100));
  EXPECT_TRUE(budget.try_reserve(ByteCount(50)));
  EXPECT_FALSE(budget.try_reserve(ByteCount(UINT64_MAX)));
}

TEST(MemoryBudget, ASmallerLimitWaitsForWhatIsReserved) {
  MemoryBudget budget(ByteCount(100));
  EXPECT_TRUE(budget.try_reserve(ByteCount(80)));
  budget.set_limit(ByteCount(50));
  EXPECT_EQ(budget.limit(), ByteCount(50));
  EXPECT_FALSE(budget.try_reserve(ByteCount(1)));
  budget.release(ByteCount(40));
  EXPECT_TRUE(budget.try_reserve(ByteCount(10)));
  EXPECT_FALSE(budget.try_reserve(ByteCount(1)));
  budget.set_limit(ByteCount(51));
  EXPECT_TRUE(budget.try_reserve(ByteCount(1)));
}

TEST(MemoryBudget, StaysExactBetweenThreads) {
  MemoryBudget budget(ByteCount(10));
  std::atomic<int> over = 0;
  const auto use = [&] {
    for (int i = 0; i < 20'000; ++i) {
      if (!budget.try_reserve(ByteCount(4))) continue;
      if (budget.used() > budget.limit()) ++over;
      budget.release(ByteCount(4));
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(use);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(over, 0);
  EXPECT_EQ(budget.used(), ByteCount(0));
}

}  // namespace
}  // namespace sluice
