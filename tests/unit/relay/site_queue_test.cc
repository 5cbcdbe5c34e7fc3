#include "relay/site_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/relay/envelope_fixture.h"

namespace sluice::relay {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Instant kNow(1'000'000'000'000);
constexpr WallTime kWall(1'000);

QueuedRecord record(std::uint8_t number, std::uint16_t origin = kNobody) {
  return {.waiting = waiting_envelope(number), .origin = origin};
}

QueuedRecord expired_record(std::uint8_t number) {
  QueuedRecord expired = record(number);
  expired.waiting.expiry = kWall;
  return expired;
}

std::vector<int> numbers(const std::vector<QueuedRecord>& records) {
  std::vector<int> numbers;
  for (const QueuedRecord& one : records) numbers.push_back(number_of(one.waiting));
  return numbers;
}

bool nobody_is_held(std::uint32_t /*queue*/) { return false; }

std::vector<int> grant(SiteQueue& queue, std::size_t shard, Instant now = kNow) {
  return numbers(queue.grant(shard, now, kWall).envelopes);
}

TEST(SiteQueue, GrantsWhatIsReadyInOrderWithinTheWants) {
  SiteQueue queue(2, nobody_is_held);
  for (std::uint8_t i = 1; i <= 3; ++i) queue.push(record(i), kNow, Duration(0));
  EXPECT_THAT(grant(queue, 0), IsEmpty());
  queue.want(0, 2);
  EXPECT_THAT(grant(queue, 0), ElementsAre(1, 2));
  EXPECT_THAT(grant(queue, 0), IsEmpty());
  queue.want(1, 5);
  EXPECT_THAT(grant(queue, 1), ElementsAre(3));
  EXPECT_EQ(queue.size(), 0u);
}

TEST(SiteQueue, KeepsWantsUntilTheyAreForgotten) {
  SiteQueue queue(1, nobody_is_held);
  queue.want(0, 2);
  queue.push(record(1), kNow, Duration(0));
  EXPECT_THAT(grant(queue, 0), ElementsAre(1));
  queue.forget_wants();
  queue.push(record(2), kNow, Duration(0));
  EXPECT_THAT(grant(queue, 0), IsEmpty());
}

TEST(SiteQueue, AdvancesWhatIsDueAndNothingElse) {
  SiteQueue queue(1, nobody_is_held);
  queue.push(record(1), kNow, seconds(2));
  queue.push(record(2), kNow, seconds(1));
  EXPECT_FALSE(queue.has_ready());
  EXPECT_EQ(queue.next(kNow), kNow + seconds(1));
  EXPECT_THAT(queue.advance(kNow + seconds(1), kWall), IsEmpty());
  queue.want(0, 2);
  EXPECT_THAT(grant(queue, 0, kNow + seconds(1)), ElementsAre(2));
  EXPECT_EQ(queue.size(), 1u);
}

TEST(SiteQueue, GivesOutWhatExpiredBeforeItsAttempt) {
  SiteQueue queue(1, nobody_is_held);
  queue.push(expired_record(1), kNow, seconds(1));
  queue.push(record(2), kNow, seconds(1));
  EXPECT_THAT(numbers(queue.advance(kNow + seconds(1), kWall)), ElementsAre(1));
  EXPECT_EQ(queue.size(), 1u);
}

TEST(SiteQueue, ExpiresWhatIsReadyWhileNothingIsGranted) {
  SiteQueue queue(1, nobody_is_held);
  queue.push(expired_record(1), kNow, Duration(0));
  queue.push(record(2), kNow, Duration(0));
  EXPECT_THAT(numbers(queue.take_expired(kWall)), ElementsAre(1));
  EXPECT_TRUE(queue.has_ready());
}

TEST(SiteQueue, GrantsNothingThatHasExpired) {
  SiteQueue queue(1, nobody_is_held);
  queue.push(expired_record(1), kNow, Duration(0));
  queue.push(record(2), kNow, Duration(0));
  queue.want(0, 1);
  const Granted granted = queue.grant(0, kNow, kWall);
  EXPECT_THAT(numbers(granted.envelopes), ElementsAre(2));
  EXPECT_THAT(numbers(granted.expired), ElementsAre(1));
}

TEST(SiteQueue, LeavesAnEnvelopeToTheShardThatHoldsItsBodyForAWhile) {
  SiteQueue queue(2, nobody_is_held);
  queue.push(record(1, 1), kNow, Duration(0));
  queue.want(0, 1);
  EXPECT_THAT(grant(queue, 0), IsEmpty());
  EXPECT_EQ(queue.next(kNow), kNow + kOriginPatience);
  queue.want(1, 1);
  EXPECT_THAT(grant(queue, 1), ElementsAre(1));
  queue.push(record(2, 1), kNow, Duration(0));
  EXPECT_THAT(grant(queue, 0, kNow + kOriginPatience), ElementsAre(2));
}

TEST(SiteQueue, KeepsThatAnEnvelopeGoesAlone) {
  SiteQueue queue(1, nobody_is_held);
  QueuedRecord lone = record(1);
  lone.goes_alone = true;
  queue.push(lone, kNow, seconds(1));
  EXPECT_THAT(queue.advance(kNow + seconds(1), kWall), IsEmpty());
  queue.want(0, 1);
  const Granted granted = queue.grant(0, kNow + seconds(1), kWall);
  ASSERT_EQ(granted.envelopes.size(), 1u);
  EXPECT_TRUE(granted.envelopes[0].goes_alone);
}

constexpr std::uint32_t kHeldQueue = 77;

QueuedRecord record_of_held_queue(std::uint8_t number) {
  QueuedRecord held = record(number);
  held.waiting.queue = kHeldQueue;
  return held;
}

// A site queue in which one of the queues is held until the test says otherwise.
class HeldSiteQueue : public testing::Test {
 protected:
  bool is_held_ = true;
  SiteQueue queue_{1, [this](std::uint32_t queue) { return is_held_ && queue == kHeldQueue; }};
};

TEST_F(HeldSiteQueue, GrantsWhatIsBehindAHeldQueue) {
  queue_.push(record_of_held_queue(1), kNow, Duration(0));
  queue_.push(record(2), kNow, Duration(0));
  queue_.want(0, 5);
  EXPECT_THAT(grant(queue_, 0), ElementsAre(2));
  EXPECT_FALSE(queue_.has_ready());
  EXPECT_TRUE(queue_.has_parked());
  EXPECT_EQ(queue_.size(), 1U);
}

TEST_F(HeldSiteQueue, GrantsWhatWasParkedOnceItIsReleased) {
  queue_.push(record_of_held_queue(1), kNow, Duration(0));
  queue_.want(0, 5);
  EXPECT_THAT(grant(queue_, 0), IsEmpty());
  is_held_ = false;
  queue_.release_parked(kNow);
  EXPECT_FALSE(queue_.has_parked());
  EXPECT_THAT(grant(queue_, 0), ElementsAre(1));
}

TEST_F(HeldSiteQueue, ParksAgainWhatIsStillHeld) {
  queue_.push(record_of_held_queue(1), kNow, Duration(0));
  queue_.want(0, 5);
  EXPECT_THAT(grant(queue_, 0), IsEmpty());
  queue_.release_parked(kNow);
  EXPECT_THAT(grant(queue_, 0), IsEmpty());
  EXPECT_TRUE(queue_.has_parked());
}

TEST_F(HeldSiteQueue, AParkedEnvelopeExpires) {
  QueuedRecord held = record_of_held_queue(1);
  held.waiting.expiry = kWall + seconds(1);
  queue_.push(held, kNow, Duration(0));
  queue_.push(record_of_held_queue(2), kNow, Duration(0));
  queue_.want(0, 5);
  EXPECT_THAT(grant(queue_, 0), IsEmpty());
  EXPECT_THAT(numbers(queue_.take_expired(kWall + seconds(1))), ElementsAre(1));
  EXPECT_EQ(queue_.size(), 1U);
}

}  // namespace
}  // namespace sluice::relay
