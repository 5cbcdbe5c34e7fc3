#include "core/buffer.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "core/receive_buffer.h"

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

struct ChainCase {
  const char* name;
  std::size_t bytes;
  std::size_t pieces;
};

class ByteChainSize : public testing::TestWithParam<ChainCase> {};

TEST_P(ByteChainSize, KeepsTheBytesInSlabs) {
  MemoryBudget budget(mebibytes(1));
  ByteChain chain(budget);
  const std::string text(GetParam().bytes, 'x');
  ASSERT_TRUE(chain.append(text));
  EXPECT_EQ(chain.size(), text.size());
  EXPECT_EQ(chain.piece_count(), GetParam().pieces);
  EXPECT_EQ(chain.to_string(), text);
  EXPECT_EQ(budget.used(), ByteCount(GetParam().pieces * kSlabBytes));
}

INSTANTIATE_TEST_SUITE_P(Sizes, ByteChainSize,
                         testing::Values(ChainCase{"none", 0, 0}, ChainCase{"one", 1, 1},
                                         ChainCase{"a_slab", kSlabBytes, 1},
                                         ChainCase{"a_byte_more", kSlabBytes + 1, 2},
                                         ChainCase{"three_slabs", 3 * kSlabBytes, 3}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ByteChain, IsTheSameHoweverItWasAppended) {
  MemoryBudget budget(mebibytes(1));
  std::string text;
  for (std::size_t i = 0; i < 2 * kSlabBytes + 77; ++i) text += static_cast<char>(i % 251);
  for (const std::size_t step : {std::size_t{1}, std::size_t{4'095}, kSlabBytes, text.size()}) {
    ByteChain chain(budget);
    for (std::size_t at = 0; at < text.size(); at += step)
      ASSERT_TRUE(chain.append(std::string_view(text).substr(at, step)));
    EXPECT_EQ(chain.to_string(), text);
  }
}

TEST(ByteChain, StaysAsItWasWhenTheBudgetIsUsedUp) {
  MemoryBudget budget(ByteCount(2 * kSlabBytes));
  ByteChain chain(budget);
  ASSERT_TRUE(chain.append(std::string(kSlabBytes - 1, 'a')));
  const auto refused = chain.append(std::string(kSlabBytes + 2, 'b'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::out_of_budget);
  EXPECT_EQ(chain.to_string(), std::string(kSlabBytes - 1, 'a'));
  EXPECT_TRUE(chain.append(std::string(kSlabBytes + 1, 'b')));  // one byte less fits exactly
}

TEST(ByteChain, MovesItsMemoryAndGivesItBack) {
  MemoryBudget budget(mebibytes(1));
  {
    ByteChain first(budget);
    ASSERT_TRUE(first.append("text"));
    ByteChain second(std::move(first));
    EXPECT_EQ(second.to_string(), "text");
    ByteChain third(budget);
    ASSERT_TRUE(third.append("other"));
    third = std::move(second);
    EXPECT_EQ(third.to_string(), "text");
    EXPECT_EQ(budget.used(), ByteCount(kSlabBytes));
  }
  EXPECT_EQ(budget.used(), ByteCount(0));
}

TEST(ReceiveBuffer, HidesWhatArrivesUntilItIsRevealed) {
  ReceiveBuffer buffer(100);
  buffer.append("abc");
  EXPECT_EQ(buffer.visible(), "");
  EXPECT_TRUE(buffer.reveal());
  EXPECT_EQ(buffer.visible(), "abc");
  buffer.append("def");
  EXPECT_EQ(buffer.visible(), "abc");
  EXPECT_TRUE(buffer.reveal());
  EXPECT_EQ(buffer.visible(), "abcdef");
  EXPECT_FALSE(buffer.reveal());
}

TEST(ReceiveBuffer, KeepsAViewValidWhileMoreArrives) {
  ReceiveBuffer buffer(1 << 20);
  buffer.append("a command");
  ASSERT_TRUE(buffer.reveal());
  const std::string_view first = buffer.visible();
  std::vector<std::string_view> views;
  for (int i = 0; i < 40; ++i) {
    buffer.append(std::string(5'000, 'x'));
    views.push_back(buffer.visible());
  }
  EXPECT_EQ(first, "a command");
  for (const std::string_view view : views) EXPECT_EQ(view, "a command");
  buffer.consume(first.size());
  EXPECT_TRUE(buffer.reveal());
  EXPECT_EQ(buffer.visible(), std::string(200'000, 'x'));
}

TEST(ReceiveBuffer, ShowsItsBoundAndNotAByteMore) {
  ReceiveBuffer buffer(10);
  buffer.append("0123456789");
  ASSERT_TRUE(buffer.reveal());
  EXPECT_TRUE(buffer.is_full());
  buffer.append("A");
  EXPECT_FALSE(buffer.reveal());
  EXPECT_EQ(buffer.visible(), "0123456789");
  buffer.consume(1);
  EXPECT_FALSE(buffer.is_full());
  EXPECT_TRUE(buffer.reveal());
  EXPECT_EQ(buffer.visible(), "123456789A");
}

TEST(ReceiveBuffer, HoldsNoMemoryWhenEmpty) {
  ReceiveBuffer buffer(100);
  EXPECT_EQ(buffer.capacity(), 0u);
  buffer.append("abc");
  buffer.release();
  EXPECT_GT(buffer.capacity(), 0u);
  ASSERT_TRUE(buffer.reveal());
  buffer.consume(3);
  buffer.release();
  EXPECT_EQ(buffer.capacity(), 0u);
}

}  // namespace
}  // namespace sluice
