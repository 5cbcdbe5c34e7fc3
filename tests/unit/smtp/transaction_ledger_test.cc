#include "smtp/transaction_ledger.h"

#include <gtest/gtest.h>

#include <memory>

namespace sluice::smtp {
namespace {

class RecordedTransaction final : public Transaction {
 public:
  explicit RecordedTransaction(std::size_t recipients) : Transaction(recipients, 100) {}
  TransactionResult result;

 private:
  void on_ended() override { result = take_result(); }
};

// Writes messages into a ledger as a pipelining client does, and plays the peer's replies.
class TransactionLedgerTest : public testing::Test {
 protected:
  ~TransactionLedgerTest() override { ledger_.abandon("the test is over"); }

  // MAIL, RCPTs and BDAT with the whole body, all written.
  RecordedTransaction& write(std::size_t recipients) {
    RecordedTransaction& message = open(recipients);
    ledger_.expect(message, CommandKind::end);
    ledger_.note_end_written(message);
    ledger_.complete(message);
    return message;
  }

  // MAIL and RCPTs only.
  RecordedTransaction& open(std::size_t recipients) {
    messages_.push_back(std::make_unique<RecordedTransaction>(recipients));
    RecordedTransaction& message = *messages_.back();
    const bool needs_reset = ledger_.needs_reset();
    ledger_.begin(message);
    if (needs_reset) ledger_.expect(message, CommandKind::reset);
    ledger_.expect(message, CommandKind::mail);
    for (std::size_t i = 0; i < recipients; ++i) ledger_.expect(message, CommandKind::recipient);
    return message;
  }

  bool take(int code) { return ledger_.take(reply(code, {}, "text")).has_value(); }
  void take_all(std::initializer_list<int> codes) {
    for (const int code : codes) EXPECT_TRUE(take(code)) << code;
  }

  static std::vector<int> codes(const RecordedTransaction& message) {
    std::vector<int> all;
    for (const auto& verdict : message.result.recipients) all.push_back(verdict.reply.code);
    return all;
  }

  std::vector<std::unique_ptr<RecordedTransaction>> messages_;
  TransactionLedger ledger_;
};

using Codes = std::vector<int>;

TEST_F(TransactionLedgerTest, GivesEachRecipientTheReplyThatDecided) {
  auto& message = write(3);
  take_all({250, 250, 550, 451, 250});
  EXPECT_TRUE(message.has_ended());
  EXPECT_EQ(message.result.end, TransactionEnd::answered);
  EXPECT_EQ(codes(message), (Codes{250, 550, 451}));
  EXPECT_EQ(message.result.recipients[0].stage, ReplyStage::final);
  EXPECT_EQ(message.result.recipients[1].stage, ReplyStage::recipient);
}

TEST_F(TransactionLedgerTest, GivesARefusedMailToEveryRecipient) {
  auto& message = write(2);
  take_all({550, 503, 503, 503});
  EXPECT_EQ(message.result.end, TransactionEnd::answered);
  EXPECT_EQ(codes(message), (Codes{550, 550}));
  EXPECT_EQ(message.result.recipients[0].stage, ReplyStage::mail);
}

TEST_F(TransactionLedgerTest, KeepsTheVerdictsOfRcptWhenTheBodyIsRefusedBehindThem) {
  auto& message = write(2);
  take_all({250, 550, 450, 503});
  EXPECT_EQ(codes(message), (Codes{550, 450}));
}

TEST_F(TransactionLedgerTest, GivesARefusedEndToAcceptedRecipientsOnly) {
  auto& message = write(2);
  take_all({250, 250, 550, 451});
  EXPECT_EQ(codes(message), (Codes{451, 550}));
  EXPECT_EQ(message.result.recipients[0].stage, ReplyStage::final);
}

TEST_F(TransactionLedgerTest, GivesARefusedDataToAcceptedRecipients) {
  auto& message = open(2);
  ledger_.expect(message, CommandKind::data);
  take_all({250, 250, 550, 452});
  EXPECT_EQ(message.data_answer(), Transaction::DataAnswer::refused);
  ledger_.complete(message);
  EXPECT_EQ(codes(message), (Codes{452, 550}));
  EXPECT_EQ(message.result.recipients[0].stage, ReplyStage::data);
}

TEST_F(TransactionLedgerTest, SwallowsTheReplyToALoneDot) {
  auto& message = open(1);
  ledger_.expect(message, CommandKind::data);
  take_all({250, 550, 354});
  ledger_.expect(message, CommandKind::lone_dot);
  ledger_.complete(message);
  EXPECT_TRUE(take(250));
  EXPECT_EQ(codes(message), (Codes{550}));
  EXPECT_EQ(ledger_.successes(), 0u);
}

TEST_F(TransactionLedgerTest, AttributesAFlightInOrder) {
  auto& first = write(1);
  auto& second = write(1);
  auto& third = write(1);
  take_all({250, 550, 503});       // first: its recipient is refused
  take_all({250, 250, 250, 250});  // second, begun by RSET
  take_all({250, 250, 250, 552});  // third: its end is refused
  EXPECT_EQ(codes(first), (Codes{550}));
  EXPECT_EQ(codes(second), (Codes{250}));
  EXPECT_EQ(codes(third), (Codes{552}));
  EXPECT_EQ(ledger_.flight_bytes(), 0U);
}

TEST_F(TransactionLedgerTest, NeedsNoResetBehindAnAcceptedMessage) {
  EXPECT_FALSE(ledger_.needs_reset());
  write(1);
  EXPECT_TRUE(ledger_.needs_reset());
  take_all({250, 250, 250});
  EXPECT_FALSE(ledger_.needs_reset());
}

TEST_F(TransactionLedgerTest, NeedsAResetBehindARefusedMessage) {
  write(1);
  take_all({250, 250, 451});
  EXPECT_TRUE(ledger_.needs_reset());
}

TEST_F(TransactionLedgerTest, WaitsForTheWriterBeforeItEndsAMessage) {
  auto& message = open(1);
  ledger_.expect(message, CommandKind::end);
  ledger_.note_end_written(message);
  take_all({250, 250, 250});
  EXPECT_FALSE(message.has_ended());
  ledger_.complete(message);
  EXPECT_EQ(codes(message), (Codes{250}));
}

TEST_F(TransactionLedgerTest, DistrustsAnAcceptedEndBehindARefusedMail) {
  auto& message = write(1);
  auto& next = write(1);
  take_all({503, 250});
  EXPECT_FALSE(take(250));
  ledger_.abandon("broken");
  EXPECT_EQ(message.result.end, TransactionEnd::ambiguous);
  EXPECT_EQ(next.result.end, TransactionEnd::ambiguous);
}

TEST_F(TransactionLedgerTest, DistrustsAnAcceptedEndBehindRefusedRecipients) {
  auto& message = write(1);
  take_all({250, 550});
  EXPECT_FALSE(take(250));
  ledger_.abandon("broken");
  EXPECT_EQ(message.result.end, TransactionEnd::ambiguous);
  EXPECT_EQ(ledger_.successes(), 0u);
}

TEST_F(TransactionLedgerTest, JudgesAMessageBehindARefusedResetByItsOwnMail) {
  auto& first = write(1);
  auto& second = write(1);
  take_all({250, 550, 503});
  take_all({500, 250, 250, 250});
  EXPECT_TRUE(ledger_.is_poisoned());
  EXPECT_EQ(codes(first), (Codes{550}));
  EXPECT_EQ(codes(second), (Codes{250}));
}

TEST_F(TransactionLedgerTest, NeverCountsAnotherSendersMessageBehindARefusedReset) {
  write(1);
  auto& second = write(1);
  take_all({250, 550, 503});
  take_all({500, 503, 250});  // nested MAIL, and the recipient joins the old transaction
  EXPECT_FALSE(take(250));
  ledger_.abandon("broken");
  EXPECT_EQ(second.result.end, TransactionEnd::ambiguous);
}

TEST_F(TransactionLedgerTest, DoesNotAttemptAMessageOfWhichOnlyRsetWasWritten) {
  RecordedTransaction message(1);
  ledger_.begin(message);
  ledger_.expect(message, CommandKind::reset);
  EXPECT_TRUE(take(500));
  ledger_.complete(message);
  EXPECT_EQ(message.result.end, TransactionEnd::not_attempted);
}

struct ClosingCase {
  const char* name;
  std::vector<int> before;  // replies before the 421
  TransactionEnd end;
  Codes codes;
  ReplyStage stage;  // of the 421
};

class ClosingReply : public TransactionLedgerTest,
                     public testing::WithParamInterface<ClosingCase> {};

TEST_P(ClosingReply, DecidesItsOwnMessageAndEndsTheRest) {
  const auto& row = GetParam();
  auto& first = write(2);
  auto& second = write(1);
  for (const int code : row.before) ASSERT_TRUE(take(code));
  ASSERT_TRUE(take(421));
  EXPECT_TRUE(ledger_.is_closing());
  ledger_.abandon("closed");
  EXPECT_EQ(first.result.end, row.end);
  EXPECT_EQ(codes(first), row.codes);
  for (const auto& verdict : first.result.recipients) {
    if (verdict.reply.code == 421) EXPECT_EQ(verdict.stage, row.stage);
  }
  EXPECT_EQ(second.result.end, TransactionEnd::not_attempted);
  EXPECT_EQ(second.result.verdict.reply.code, 421);
}

INSTANTIATE_TEST_SUITE_P(
    Places, ClosingReply,
    testing::Values(
        ClosingCase{"mail", {}, TransactionEnd::answered, {421, 421}, ReplyStage::mail},
        ClosingCase{
            "first_rcpt", {250}, TransactionEnd::answered, {421, 421}, ReplyStage::recipient},
        ClosingCase{
            "second_rcpt", {250, 550}, TransactionEnd::answered, {550, 421}, ReplyStage::recipient},
        ClosingCase{
            "behind_refused_mail", {550}, TransactionEnd::answered, {550, 550}, ReplyStage::mail},
        ClosingCase{
            "end", {250, 250, 550}, TransactionEnd::answered, {421, 550}, ReplyStage::final},
        ClosingCase{"next_reset",
                    {250, 250, 250, 250},
                    TransactionEnd::answered,
                    {250, 250},
                    ReplyStage::mail}),
    [](const auto& info) { return info.param.name; });

TEST_F(TransactionLedgerTest, TakesAnUnaskedClosingReply) {
  EXPECT_TRUE(take(421));
  EXPECT_TRUE(ledger_.is_closing());
}

TEST_F(TransactionLedgerTest, RefusesAReplyWithoutACommand) { EXPECT_FALSE(take(250)); }

TEST_F(TransactionLedgerTest, RefusesRepliesThatFitNoCommand) {
  write(1);
  EXPECT_FALSE(take(354));  // to MAIL
}

TEST_F(TransactionLedgerTest, RefusesASuccessForData) {
  auto& message = open(1);
  ledger_.expect(message, CommandKind::data);
  take_all({250, 250});
  EXPECT_FALSE(take(250));
  ledger_.abandon("broken");
  EXPECT_EQ(message.result.end, TransactionEnd::unknown);
}

TEST_F(TransactionLedgerTest, SortsABrokenFlightByWhatWasWritten) {
  auto& answered = write(1);
  auto& ambiguous = write(1);
  auto& unknown = open(1);
  take_all({250, 250, 451});
  ledger_.abandon("connection lost");
  EXPECT_EQ(codes(answered), (Codes{451}));
  EXPECT_EQ(ambiguous.result.end, TransactionEnd::ambiguous);
  EXPECT_EQ(ambiguous.result.error, "connection lost");
  EXPECT_EQ(unknown.result.end, TransactionEnd::unknown);
}

TEST_F(TransactionLedgerTest, KeepsWhatWasDecidedWhenTheConnectionBreaks) {
  auto& refused = write(2);
  take_all({250, 550, 550});
  ledger_.abandon("connection lost");
  EXPECT_EQ(refused.result.end, TransactionEnd::answered);
  EXPECT_EQ(codes(refused), (Codes{550, 550}));
}

TEST_F(TransactionLedgerTest, TakesARefusalBeforeTheEndAsThatOfTheBody) {
  auto& message = open(1);
  ledger_.expect(message, CommandKind::end);
  take_all({250, 250});
  EXPECT_FALSE(take(552));
  ledger_.abandon("broken");
  EXPECT_EQ(codes(message), (Codes{552}));
  EXPECT_EQ(message.result.recipients[0].stage, ReplyStage::body);
}

TEST_F(TransactionLedgerTest, DistrustsASuccessBeforeTheEnd) {
  auto& message = open(1);
  ledger_.expect(message, CommandKind::end);
  take_all({250, 250});
  EXPECT_FALSE(take(250));
  ledger_.abandon("broken");
  EXPECT_EQ(message.result.end, TransactionEnd::unknown);
}

TEST_F(TransactionLedgerTest, ReportsABodyThatFailed) {
  auto& message = open(1);
  ledger_.expect(message, CommandKind::end);
  ledger_.note_body_failure(message, "disk");
  ledger_.abandon("given up");
  EXPECT_EQ(message.result.end, TransactionEnd::body_failed);
  EXPECT_EQ(message.result.error, "disk");
}

TEST_F(TransactionLedgerTest, HasNoReplyDueUntilTheMessageIsWrittenWhole) {
  auto& message = open(1);
  EXPECT_EQ(ledger_.due(), CommandKind::mail);
  ledger_.expect(message, CommandKind::end);
  take_all({250, 250});
  EXPECT_EQ(ledger_.due(), std::nullopt);
  ledger_.note_end_written(message);
  EXPECT_EQ(ledger_.due(), std::nullopt);
  ledger_.complete(message);
  EXPECT_EQ(ledger_.due(), CommandKind::end);
  take_all({250});
  EXPECT_EQ(ledger_.due(), std::nullopt);
}

}  // namespace
}  // namespace sluice::smtp
