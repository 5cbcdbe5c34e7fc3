#include "relay/outcome.h"

#include <gtest/gtest.h>

#include "tests/unit/relay/envelope_fixture.h"

namespace sluice::relay {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr WallTime kNow(1'000'000);
const RetrySettings kRetry{.klass = MessageClass::bulk,
                           .first = minutes(5),
                           .factor = 2.0,
                           .max = minutes(60),
                           .expire = std::chrono::hours(72)};

RecipientAttempt recipient(std::uint16_t position, RecipientOutcome outcome, int code) {
  RecipientAttempt one{.position = position,
                       .recipient = "r@example.net",
                       .outcome = outcome,
                       .reply = {},
                       .stage = smtp::ReplyStage::recipient};
  one.reply.code = code;
  one.reply.text = "text";
  return one;
}

AttemptResult attempt_of(std::vector<RecipientAttempt> recipients,
                         AttemptCounts counts = AttemptCounts::yes) {
  return {.key = waiting_envelope(1).key, .recipients = std::move(recipients), .counts = counts};
}

AttemptResult deferred_attempt(AttemptCounts counts = AttemptCounts::yes) {
  return attempt_of({recipient(0, RecipientOutcome::deferred, 450)}, counts);
}

Outcome outcome_after(const AttemptResult& attempt, std::uint16_t attempts_before, double chance) {
  spool::WaitingEnvelope waiting = waiting_envelope(1);
  waiting.attempts = attempts_before;
  return outcome_of(attempt, waiting, kRetry, kNow, chance);
}

TEST(Outcome, EndsEachRecipientAsItsReplySays) {
  const AttemptResult attempt = attempt_of({recipient(0, RecipientOutcome::delivered, 250),
                                            recipient(1, RecipientOutcome::deferred, 450),
                                            recipient(2, RecipientOutcome::failed, 550)});
  const Outcome outcome = outcome_of(attempt, waiting_envelope(1, 3), kRetry, kNow, 0.5);
  EXPECT_EQ(outcome.record.ended, (std::vector<std::uint16_t>{0, 2}));
  EXPECT_EQ(outcome.record.counts.delivered, 1u);
  EXPECT_EQ(outcome.record.counts.bounced, 1u);
  EXPECT_EQ(outcome.record.counts.total(), 2u);
  EXPECT_TRUE(outcome.is_recorded);
  EXPECT_FALSE(outcome.is_ended);
  EXPECT_EQ(outcome.record.attempts, 1);
}

TEST(Outcome, EndsAnEnvelopeWithItsLastPendingRecipient) {
  const AttemptResult attempt = attempt_of({recipient(4, RecipientOutcome::delivered, 250)});
  EXPECT_TRUE(outcome_of(attempt, waiting_envelope(1, 1), kRetry, kNow, 0.5).is_ended);
}

TEST(Outcome, FollowsTheScheduleWithinTheJitter) {
  const Duration expected[] = {minutes(5),  minutes(10), minutes(20),
                               minutes(40), minutes(60), minutes(60)};
  for (std::uint16_t before = 0; before < 6; ++before) {
    const Duration middle = expected[before];
    EXPECT_EQ(outcome_after(deferred_attempt(), before, 0.5).wait, middle);
    const Duration least = outcome_after(deferred_attempt(), before, 0.0).wait;
    const Duration most = outcome_after(deferred_attempt(), before, 0.999999).wait;
    EXPECT_EQ(least, middle - middle / 10);
    EXPECT_GT(most, middle + middle / 11);
    EXPECT_LE(most, middle + middle / 10);
  }
}

TEST(Outcome, StoresWhenTheNextAttemptIs) {
  const Outcome outcome = outcome_after(deferred_attempt(), 2, 0.5);
  EXPECT_EQ(outcome.record.next_attempt, kNow + outcome.wait);
  EXPECT_EQ(outcome.record.attempts, 3);
}

TEST(Outcome, KeepsTheReplyAndHostOfTheFirstDeferredRecipient) {
  AttemptResult attempt = attempt_of({recipient(0, RecipientOutcome::delivered, 250),
                                      recipient(1, RecipientOutcome::deferred, 450)});
  attempt.host = "mx[192.0.2.1]:25";
  const Outcome outcome = outcome_of(attempt, waiting_envelope(1, 2), kRetry, kNow, 0.5);
  ASSERT_TRUE(outcome.record.note.has_value());
  EXPECT_EQ(outcome.record.note->host, "mx[192.0.2.1]:25");
  EXPECT_EQ(outcome.record.note->time, kNow);
  EXPECT_TRUE(outcome.record.note->reply.starts_with("450"));
}

TEST(Outcome, CutsTheReplyThatItKeeps) {
  AttemptResult attempt = deferred_attempt();
  attempt.recipients[0].reply.code = 0;
  attempt.error = std::string(spool::kAttemptReplyBytesMax, 'x');
  EXPECT_EQ(outcome_after(attempt, 0, 0.5).record.note->reply, attempt.error);
  attempt.error += 'x';
  EXPECT_EQ(outcome_after(attempt, 0, 0.5).record.note->reply.size(), spool::kAttemptReplyBytesMax);
}

TEST(Outcome, RecordsNothingOfAnAttemptThatWasNone) {
  const Outcome outcome = outcome_after(deferred_attempt(AttemptCounts::no), 3, 0.5);
  EXPECT_FALSE(outcome.is_recorded);
  EXPECT_FALSE(outcome.record.note.has_value());
  EXPECT_EQ(outcome.record.attempts, 3);
  EXPECT_EQ(outcome.wait, Duration(0));
  EXPECT_FALSE(outcome.goes_alone);
}

TEST(Outcome, RecordsWhoEndedAlsoWhenTheOthersWereNotTried) {
  const AttemptResult attempt = attempt_of(
      {recipient(0, RecipientOutcome::delivered, 250), recipient(1, RecipientOutcome::deferred, 0)},
      AttemptCounts::no);
  const Outcome outcome = outcome_of(attempt, waiting_envelope(1, 2), kRetry, kNow, 0.5);
  EXPECT_TRUE(outcome.is_recorded);
  EXPECT_EQ(outcome.record.attempts, 0);
  EXPECT_EQ(outcome.wait, Duration(0));
}

TEST(Outcome, ABrokenConnectionIsTriedAgainSoonAloneAndEverLater) {
  AttemptResult attempt = deferred_attempt();
  attempt.is_broken = true;
  EXPECT_TRUE(outcome_after(attempt, 0, 0.5).goes_alone);
  EXPECT_EQ(outcome_after(attempt, 0, 0.5).wait, seconds(2));
  EXPECT_EQ(outcome_after(attempt, 3, 0.5).wait, seconds(16));
  EXPECT_EQ(outcome_after(attempt, 30, 0.5).wait, kRetry.max);
}

TEST(Outcome, ABodyThatCouldNotBeReadUsesNoAttemptAndWaitsAMoment) {
  AttemptResult attempt = deferred_attempt(AttemptCounts::no);
  attempt.is_broken = true;
  EXPECT_EQ(outcome_after(attempt, 0, 0.5).wait, seconds(1));
  EXPECT_EQ(outcome_after(attempt, 0, 0.5).record.attempts, 0);
}

TEST(Outcome, CountsAttemptsUpToTheirMaximum) {
  EXPECT_EQ(outcome_after(deferred_attempt(), 65'534, 0.5).record.attempts, 65'535);
  EXPECT_EQ(outcome_after(deferred_attempt(), 65'535, 0.5).record.attempts, 65'535);
}

TEST(Outcome, ExpiryEndsWhoIsLeft) {
  const Outcome outcome = expiry_of(waiting_envelope(1, 2), {1, 3});
  EXPECT_TRUE(outcome.is_ended);
  EXPECT_TRUE(outcome.is_recorded);
  EXPECT_EQ(outcome.record.counts.expired, 2u);
  EXPECT_EQ(outcome.record.ended, (std::vector<std::uint16_t>{1, 3}));
}

}  // namespace
}  // namespace sluice::relay
