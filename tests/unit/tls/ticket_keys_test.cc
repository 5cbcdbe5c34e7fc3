#include "tls/ticket_keys.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice::tls {
namespace {

using Bytes = std::vector<std::uint8_t>;
using std::chrono::seconds;

class TicketKeysTest : public testing::Test {
 protected:
  TicketKeysTest() : keys_(*TicketKeys::make()), begun_(Clock().now()) {}

  std::shared_ptr<TicketKeys> keys_;
  Instant begun_;
  const Bytes plain_ = Bytes(100, 7);
};

TEST_F(TicketKeysTest, OpenWhatTheySealed) {
  Bytes ticket = plain_;
  const auto seal = keys_->seal(ticket);
  ASSERT_TRUE(seal);
  EXPECT_NE(ticket, plain_);
  ASSERT_TRUE(keys_->open(ticket, *seal));
  EXPECT_EQ(ticket, plain_);
}

TEST_F(TicketKeysTest, SealTheSameTextDifferently) {
  Bytes first = plain_;
  Bytes second = plain_;
  ASSERT_TRUE(keys_->seal(first));
  ASSERT_TRUE(keys_->seal(second));
  EXPECT_NE(first, second);
}

TEST_F(TicketKeysTest, RefuseATicketThatWasChanged) {
  Bytes ticket = plain_;
  const auto seal = keys_->seal(ticket);
  ASSERT_TRUE(seal);
  for (std::size_t i = 0; i < ticket.size(); ++i) {
    Bytes changed = ticket;
    changed[i] ^= 1;
    const auto opened = keys_->open(changed, *seal);
    ASSERT_FALSE(opened) << i;
    EXPECT_EQ(opened.error().code(), ErrorCode::corrupt);
  }
  TicketSeal other = *seal;
  other.tag[0] ^= 1;
  EXPECT_FALSE(keys_->open(ticket, other));
  other = *seal;
  other.nonce[0] ^= 1;
  EXPECT_FALSE(keys_->open(ticket, other));
}

TEST_F(TicketKeysTest, RefuseATicketOfOthers) {
  Bytes ticket = plain_;
  const auto others = TicketKeys::make();
  const auto seal = (*others)->seal(ticket);
  ASSERT_TRUE(seal);
  const auto opened = keys_->open(ticket, *seal);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::not_found);
}

TEST_F(TicketKeysTest, AreRenewedAfterTheirPeriod) {
  Bytes text = plain_;
  const auto first = keys_->seal(text, begun_);
  const auto last = keys_->seal(text, begun_ + kTicketKeyPeriod - seconds(1));
  const auto next = keys_->seal(text, begun_ + kTicketKeyPeriod);
  ASSERT_TRUE(first && last && next);
  EXPECT_EQ(first->key_name, last->key_name);
  EXPECT_NE(first->key_name, next->key_name);
}

TEST_F(TicketKeysTest, OpenAWholeLifetimeLongAndNoLonger) {
  Bytes ticket = plain_;
  const Instant last = begun_ + kTicketKeyPeriod - seconds(1);
  const auto seal = keys_->seal(ticket, last);
  ASSERT_TRUE(seal);
  Bytes other = plain_;
  ASSERT_TRUE(keys_->seal(other, last + seconds(1)));  // makes a new key
  Bytes opened = ticket;
  EXPECT_TRUE(keys_->open(opened, *seal, last + kTicketLifetime - seconds(1)));
  opened = ticket;
  EXPECT_FALSE(keys_->open(opened, *seal, last + kTicketLifetime + seconds(1)));
}

TEST_F(TicketKeysTest, ForgetAKeyAfterTwoRenewals) {
  Bytes ticket = plain_;
  const auto seal = keys_->seal(ticket, begun_);
  ASSERT_TRUE(seal);
  Bytes other = plain_;
  ASSERT_TRUE(keys_->seal(other, begun_ + kTicketKeyPeriod));
  ASSERT_TRUE(keys_->seal(other, begun_ + 2 * kTicketKeyPeriod));
  EXPECT_FALSE(keys_->open(ticket, *seal, begun_ + 2 * kTicketKeyPeriod));
}

// Many threads seal and open while the keys are renewed under them.
TEST_F(TicketKeysTest, ServeManyThreads) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this] {
      for (int hour = 0; hour < 100; ++hour) {
        const Instant now = begun_ + std::chrono::hours(hour);
        Bytes ticket = plain_;
        const auto seal = keys_->seal(ticket, now);
        ASSERT_TRUE(seal);
        // Another thread may be days ahead: then the key is gone, but never wrong.
        const auto opened = keys_->open(ticket, *seal, now);
        if (!opened) EXPECT_EQ(opened.error().code(), ErrorCode::not_found);
        if (opened) EXPECT_EQ(ticket, plain_);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace sluice::tls
