#include "relay/attempt_result.h"

#include <gtest/gtest.h>

#include "tests/unit/relay/envelope_fixture.h"

namespace sluice::relay {
namespace {

using smtp::ReplyStage;
using smtp::TransactionEnd;

AttemptResult attempt_for(std::size_t recipients) {
  AttemptResult attempt{
      .key = waiting_envelope(1).key, .recipients = {}, .counts = AttemptCounts::no};
  for (std::size_t i = 0; i < recipients; ++i) {
    attempt.recipients.push_back(RecipientAttempt{.position = static_cast<std::uint16_t>(i),
                                                  .recipient = "r@example.net",
                                                  .outcome = RecipientOutcome::deferred,
                                                  .reply = {},
                                                  .stage = ReplyStage::mail});
  }
  return attempt;
}

smtp::Reply reply_of(int code, smtp::EnhancedStatus enhanced = {}) {
  smtp::Reply reply;
  reply.code = code;
  reply.enhanced = enhanced;
  return reply;
}

struct AnswerCase {
  const char* name;
  smtp::Reply reply;
  ReplyStage stage;
  RecipientOutcome outcome;
  AttemptCounts counts;
  bool is_next_transaction;
};

class JudgedAnswer : public testing::TestWithParam<AnswerCase> {};

TEST_P(JudgedAnswer, MeansWhatItsCodeSays) {
  smtp::TransactionResult result;
  result.end = TransactionEnd::answered;
  result.recipients.push_back({.reply = GetParam().reply, .stage = GetParam().stage});
  AttemptResult attempt = attempt_for(1);
  judge(result, attempt);
  EXPECT_EQ(attempt.recipients[0].outcome, GetParam().outcome);
  EXPECT_EQ(attempt.recipients[0].is_next_transaction, GetParam().is_next_transaction);
  EXPECT_EQ(attempt.counts, GetParam().counts);
  EXPECT_EQ(is_served(attempt), GetParam().reply.code != 421);
  EXPECT_FALSE(attempt.is_broken);
}

constexpr auto kYes = AttemptCounts::yes;
constexpr auto kNo = AttemptCounts::no;
constexpr auto kRcpt = ReplyStage::recipient;
constexpr auto kDeferred = RecipientOutcome::deferred;
constexpr auto kFailed = RecipientOutcome::failed;

INSTANTIATE_TEST_SUITE_P(
    Replies, JudgedAnswer,
    testing::Values(
        AnswerCase{"taken", reply_of(250), ReplyStage::final, RecipientOutcome::delivered, kYes,
                   false},
        AnswerCase{"mail_4xx", reply_of(451), ReplyStage::mail, kDeferred, kYes, false},
        AnswerCase{"mail_5xx", reply_of(550), ReplyStage::mail, kFailed, kYes, false},
        AnswerCase{"rcpt_4xx", reply_of(450, {4, 2, 1}), kRcpt, kDeferred, kYes, false},
        AnswerCase{"rcpt_5xx", reply_of(550, {5, 1, 1}), kRcpt, kFailed, kYes, false},
        AnswerCase{"data_4xx", reply_of(451), ReplyStage::data, kDeferred, kYes, false},
        AnswerCase{"data_5xx", reply_of(554), ReplyStage::data, kFailed, kYes, false},
        AnswerCase{"end_4xx", reply_of(452, {4, 3, 1}), ReplyStage::final, kDeferred, kYes, false},
        AnswerCase{"end_5xx", reply_of(554), ReplyStage::final, kFailed, kYes, false},
        AnswerCase{"too_many", reply_of(452, {4, 5, 3}), kRcpt, kDeferred, kNo, true},
        AnswerCase{"too_many_without_enhanced_code", reply_of(452), kRcpt, kDeferred, kNo, true},
        AnswerCase{"too_many_permanently", reply_of(552, {5, 5, 3}), kRcpt, kDeferred, kNo, true},
        AnswerCase{"disk_full", reply_of(452, {4, 3, 1}), kRcpt, kDeferred, kYes, false},
        AnswerCase{"mailbox_full", reply_of(552, {5, 2, 2}), kRcpt, kFailed, kYes, false},
        AnswerCase{"mailbox_full_without_code", reply_of(552), kRcpt, kFailed, kYes, false},
        AnswerCase{"too_many_elsewhere", reply_of(452, {4, 5, 3}), ReplyStage::mail, kDeferred,
                   kYes, false},
        AnswerCase{"closing", reply_of(421), ReplyStage::mail, kDeferred, kYes, false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Judge, KnowsTheRepliesOfAHostThatTakesNoMoreForNow) {
  const auto is_throttled = [](int code, smtp::EnhancedStatus enhanced) {
    smtp::TransactionResult result;
    result.end = TransactionEnd::answered;
    result.recipients.push_back(
        {.reply = reply_of(code, enhanced), .stage = ReplyStage::recipient});
    AttemptResult attempt = attempt_for(1);
    judge(result, attempt);
    return attempt.is_throttled;
  };
  EXPECT_TRUE(is_throttled(421, {}));
  EXPECT_TRUE(is_throttled(450, {4, 7, 1}));
  EXPECT_TRUE(is_throttled(451, {4, 4, 5}));
  EXPECT_TRUE(is_throttled(452, {4, 3, 2}));
  EXPECT_FALSE(is_throttled(450, {4, 2, 1}));
  EXPECT_FALSE(is_throttled(451, {}));
  EXPECT_FALSE(is_throttled(550, {5, 7, 1}));
  EXPECT_FALSE(is_throttled(250, {2, 1, 5}));
}

struct EndCase {
  const char* name;
  TransactionEnd end;
  RecipientOutcome outcome;
  AttemptCounts counts;
  bool is_broken;
  bool duplicate_possible;
};

class JudgedEnd : public testing::TestWithParam<EndCase> {};

TEST_P(JudgedEnd, MeansTheSameForEveryRecipient) {
  smtp::TransactionResult result;
  result.end = GetParam().end;
  result.error = "why";
  AttemptResult attempt = attempt_for(2);
  judge(result, attempt);
  for (const RecipientAttempt& recipient : attempt.recipients) {
    EXPECT_EQ(recipient.outcome, GetParam().outcome);
  }
  EXPECT_EQ(attempt.counts, GetParam().counts);
  EXPECT_EQ(attempt.is_broken, GetParam().is_broken);
  EXPECT_EQ(attempt.duplicate_possible, GetParam().duplicate_possible);
  EXPECT_EQ(attempt.error, "why");
  EXPECT_FALSE(is_served(attempt));
}

INSTANTIATE_TEST_SUITE_P(
    Ends, JudgedEnd,
    testing::Values(
        EndCase{"not_attempted", TransactionEnd::not_attempted, kDeferred, kNo, false, false},
        EndCase{"unknown", TransactionEnd::unknown, kDeferred, kYes, true, false},
        EndCase{"ambiguous", TransactionEnd::ambiguous, kDeferred, kYes, true, true},
        EndCase{"cannot_send", TransactionEnd::cannot_send, kFailed, kYes, false, false},
        EndCase{"body_failed", TransactionEnd::body_failed, kDeferred, kNo, true, false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Judge, AttributesEachReplyToItsRecipient) {
  smtp::TransactionResult result;
  result.end = TransactionEnd::answered;
  for (const int code : {250, 450, 550}) {
    result.recipients.push_back({.reply = reply_of(code), .stage = kRcpt});
  }
  AttemptResult attempt = attempt_for(3);
  judge(result, attempt);
  EXPECT_EQ(attempt.recipients[0].outcome, RecipientOutcome::delivered);
  EXPECT_EQ(attempt.recipients[1].outcome, kDeferred);
  EXPECT_EQ(attempt.recipients[2].outcome, kFailed);
}

// RFC 4954 §6: what the host wants of us is no fault of the message.
TEST(Judge, TakesADemandForALoginForNoAnswerToTheMessage) {
  for (const int code : {530, 534, 535, 538}) {
    smtp::TransactionResult result;
    result.end = TransactionEnd::answered;
    result.recipients.push_back({.reply = reply_of(code), .stage = ReplyStage::mail});
    AttemptResult attempt = attempt_for(1);
    judge(result, attempt);
    EXPECT_EQ(attempt.recipients[0].outcome, kDeferred);
    EXPECT_EQ(attempt.counts, kNo);
    EXPECT_EQ(attempt.lockout.code, code);
    EXPECT_FALSE(is_served(attempt));
  }
  // At RCPT it is the recipient's.
  smtp::TransactionResult result;
  result.end = TransactionEnd::answered;
  result.recipients.push_back({.reply = reply_of(530), .stage = kRcpt});
  AttemptResult attempt = attempt_for(1);
  judge(result, attempt);
  EXPECT_EQ(attempt.recipients[0].outcome, kFailed);
  EXPECT_EQ(attempt.lockout.code, 0);
}

TEST(Judge, KeepsThe421ThatLeftAMessageUntried) {
  smtp::TransactionResult result;
  result.end = TransactionEnd::not_attempted;
  result.verdict = {.reply = reply_of(421), .stage = ReplyStage::mail};
  AttemptResult attempt = attempt_for(1);
  judge(result, attempt);
  EXPECT_TRUE(attempt.is_throttled);
  EXPECT_EQ(attempt.counts, kNo);
  EXPECT_FALSE(is_served(attempt));
}

// Recorded before the next transaction: only what will not be attempted again, and no attempt used.
TEST(TakeEnded, GivesThoseThatEndedAndKeepsTheDeferred) {
  AttemptResult attempt = attempt_for(3);
  attempt.counts = AttemptCounts::yes;
  attempt.recipients[0].outcome = RecipientOutcome::delivered;
  attempt.recipients[2].outcome = RecipientOutcome::failed;
  const AttemptResult ended = take_ended(attempt);
  ASSERT_EQ(ended.recipients.size(), 2u);
  EXPECT_EQ(ended.recipients[0].position, 0);
  EXPECT_EQ(ended.recipients[1].position, 2);
  EXPECT_EQ(ended.counts, AttemptCounts::no);
  ASSERT_EQ(attempt.recipients.size(), 1u);
  EXPECT_EQ(attempt.recipients[0].position, 1);
  EXPECT_EQ(attempt.counts, AttemptCounts::yes);
}

}  // namespace
}  // namespace sluice::relay
