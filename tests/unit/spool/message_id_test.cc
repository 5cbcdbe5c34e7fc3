#include "spool/message_id.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice::spool {
namespace {

TEST(MessageId, HoldsTimeAndPartition) {
  Random random(1);
  MessageIdSource source(7, 3, random);
  const auto id = source.next(WallTime(1'700'000'000'123));
  EXPECT_EQ(id.time(), WallTime(1'700'000'000'123));
  EXPECT_EQ(id.partition(), 7);
}

TEST(MessageId, IsItsText) {
  Random random(2);
  for (int i = 0; i < 1000; ++i) {
    std::array<std::uint8_t, 16> bytes{};
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
    const auto id = MessageId::from_bytes(bytes);
    const auto text = id.to_string();
    ASSERT_EQ(text.size(), MessageId::kTextLength);
    ASSERT_EQ(MessageId::parse(text).value(), id);
  }
}

TEST(MessageId, IsReadInEitherCase) {
  const auto upper = MessageId::parse("01HF7YAT00ABCDEFGHJKMNPQRS");
  const auto lower = MessageId::parse("01hf7yat00abcdefghjkmnpqrs");
  ASSERT_TRUE(upper);
  ASSERT_TRUE(lower);
  EXPECT_EQ(*upper, *lower);
  EXPECT_EQ(lower->to_string(), "01HF7YAT00ABCDEFGHJKMNPQRS");
}

struct WrongText {
  const char* name;
  const char* text;
};
class MessageIdText : public testing::TestWithParam<WrongText> {};

TEST_P(MessageIdText, IsRefused) {
  const auto id = MessageId::parse(GetParam().text);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code(), ErrorCode::syntax);
}

INSTANTIATE_TEST_SUITE_P(Wrong, MessageIdText,
                         testing::Values(WrongText{"empty", ""},
                                         WrongText{"short", "01HF7YAT00ABCDEFGHJKMNPQR"},
                                         WrongText{"long", "01HF7YAT00ABCDEFGHJKMNPQRSS"},
                                         WrongText{"beyond_128_bits", "80000000000000000000000000"},
                                         WrongText{"letter_u", "01HF7YAT00ABCDEFGHJKMNPQRU"},
                                         WrongText{"letter_i", "01HF7YAT00ABCDEFGHJKMNPQRI"},
                                         WrongText{"space", "01HF7YAT00 BCDEFGHJKMNPQRS"},
                                         WrongText{"high_byte",
                                                   "01HF7YAT00\xff"
                                                   "BCDEFGHJKMNPQRS"}),
                         [](const auto& row) { return row.param.name; });

TEST(MessageId, OrdersTextsLikeIds) {
  Random random(3);
  MessageIdSource source(0, 0, random);
  const auto earlier = source.next(WallTime(1000));
  const auto later = source.next(WallTime(1001));
  EXPECT_LT(earlier, later);
  EXPECT_LT(earlier.to_string(), later.to_string());
}

TEST(MessageIdSource, IncreasesWithinAMillisecond) {
  Random random(4);
  MessageIdSource source(0, 0, random);
  auto last = source.next(WallTime(5));
  for (int i = 0; i < 1000; ++i) {
    const auto next = source.next(WallTime(5));
    ASSERT_LT(last, next);
    last = next;
  }
}

TEST(MessageIdSource, IncreasesWhenTheClockStepsBack) {
  Random random(5);
  MessageIdSource source(0, 0, random);
  const auto before = source.next(WallTime(9000));
  EXPECT_LT(before, source.next(WallTime(10)));
  EXPECT_LT(before, source.next(WallTime(-10)));
}

TEST(MessageIdSource, NeverMeetsAnotherShardsIds) {
  Random random(6);
  Random same(6);
  MessageIdSource first(0, 0, random);
  MessageIdSource second(0, 1, same);
  std::set<MessageId> ids;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(ids.insert(first.next(WallTime(1))).second);
    EXPECT_TRUE(ids.insert(second.next(WallTime(1))).second);
  }
}

}  // namespace
}  // namespace sluice::spool
