#include "relay/kept_envelopes.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice::relay {
namespace {

constexpr Instant kStart(1'000'000'000);

spool::EnvelopeKey key(std::uint8_t number) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[0] = number;
  return {.message = spool::MessageId::from_bytes(bytes), .ordinal = 0};
}

class KeptEnvelopesTest : public testing::Test {
 protected:
  LoadedEnvelope envelope(std::uint8_t number) {
    auto body = std::make_shared<ByteChain>(budget_);
    EXPECT_TRUE(body->append("hello\r\n"));
    return LoadedEnvelope{.waiting = {.key = key(number),
                                      .klass = 0,
                                      .queue = 0,
                                      .next_attempt = WallTime(0),
                                      .expiry = WallTime(0),
                                      .attempts = 0,
                                      .recipients_pending = 1,
                                      .size = 0},
                          .message = {},
                          .recipients = {"r@example.net"},
                          .pending = {0},
                          .body_bytes = body->size(),
                          .body_parts = 0,
                          .body = body};
  }
  bool keep(std::uint8_t number, Instant now) {
    LoadedEnvelope one = envelope(number);
    return kept_.keep(one, now);
  }

  MemoryBudget budget_{mebibytes(1)};
  KeptEnvelopes kept_{ByteCount(2 * kSlabBytes)};  // two short bodies
};

TEST_F(KeptEnvelopesTest, GivesAnEnvelopeOnce) {
  ASSERT_TRUE(keep(1, kStart));
  const auto taken = kept_.take(key(1));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->recipients, std::vector<std::string>{"r@example.net"});
  EXPECT_EQ(taken->body->to_string(), "hello\r\n");
  EXPECT_FALSE(kept_.take(key(1)));
  EXPECT_EQ(kept_.size(), 0u);
}

TEST_F(KeptEnvelopesTest, IsFullForANewerOne) {
  ASSERT_TRUE(keep(1, kStart));
  ASSERT_TRUE(keep(2, kStart));
  LoadedEnvelope third = envelope(3);
  EXPECT_FALSE(kept_.keep(third, kStart));
  EXPECT_NE(third.body, nullptr);  // left as it was
  EXPECT_TRUE(kept_.take(key(1)));
  EXPECT_TRUE(kept_.keep(third, kStart));
}

TEST_F(KeptEnvelopesTest, DropsWhatIsOldForANewerOne) {
  ASSERT_TRUE(keep(1, kStart));
  ASSERT_TRUE(keep(2, kStart + kKeptAgeMax));
  EXPECT_TRUE(keep(3, kStart + kKeptAgeMax));
  EXPECT_FALSE(kept_.take(key(1)));
  EXPECT_TRUE(kept_.take(key(2)));
}

TEST_F(KeptEnvelopesTest, LetsGoOfItsMemory) {
  ASSERT_TRUE(keep(1, kStart));
  EXPECT_EQ(budget_.used().value(), kSlabBytes);
  kept_.clear();
  EXPECT_EQ(budget_.used().value(), 0u);
  EXPECT_TRUE(keep(2, kStart));
}

}  // namespace
}  // namespace sluice::relay
