#include "core/buffer.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace sluice {
namespace {

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

#if defined(__has_feature)
#if !__has_feature(address_sanitizer)  // which sees every slab come and go
TEST(Slab, TheLastFreedIsTakenFirst) {
  Slab first = make_slab();
  Slab second = make_slab();
  const char* const address_of_first = first.get();
  const char* const address_of_second = second.get();
  second.reset();
  first.reset();
  first = make_slab();
  second = make_slab();
  EXPECT_EQ(first.get(), address_of_first);
  EXPECT_EQ(second.get(), address_of_second);
}

TEST(Slab, BelongsToTheThreadThatFreedIt) {
  Slab slab = make_slab();
  const char* const address = slab.get();
  std::thread other([&slab, address] {
    slab.reset();
    slab = make_slab();
    EXPECT_EQ(slab.get(), address);
  });
  other.join();
}
#endif
#endif

}  // namespace
}  // namespace sluice
