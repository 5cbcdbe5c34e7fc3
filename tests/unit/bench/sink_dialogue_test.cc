#include "bench/sink_dialogue.h"

#include <gtest/gtest.h>

#include "bench/load_message.h"

namespace sluice::bench {
namespace {

class SinkDialogueTest : public testing::Test {
 protected:
  // Speaks `input` as one write and returns the codes of the replies.
  std::string codes(std::string_view input) {
    std::string output;
    const std::size_t taken = dialogue().take(input, output);
    rest_ = input.substr(taken);
    std::string result;
    for (std::size_t at = 0; at < output.size(); at = output.find('\n', at) + 1) {
      if (output[at + 3] == '-') continue;
      result += (result.empty() ? "" : " ") + output.substr(at, 3);
    }
    return result;
  }
  SinkDialogue& dialogue() {
    if (!dialogue_) {
      dialogue_ = std::make_unique<SinkDialogue>(settings_, clock_, random_, counters_, *ledger_);
    }
    return *dialogue_;
  }
  std::uint64_t violations(Violation violation) const {
    return counters_.violations[static_cast<std::size_t>(violation)];
  }

  SinkSettings settings_;
  Clock clock_;
  Random random_{1};
  SinkCounters counters_;
  std::unique_ptr<Ledger> ledger_ = Ledger::open("").value();
  std::unique_ptr<SinkDialogue> dialogue_;
  std::string rest_;
};

TEST_F(SinkDialogueTest, TakesAMessageByChunks) {
  EXPECT_EQ(codes("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 4\r\nab\r\nBDAT 0 LAST\r\n"),
            "250 250 250 250 250");
  EXPECT_EQ(counters_.messages, 1u);
  EXPECT_EQ(counters_.bytes, 4u);
}

TEST_F(SinkDialogueTest, TakesAMessageByDataAndUnstuffsIt) {
  const std::string message = "X: y\r\n\r\n.dot\r\n";
  EXPECT_EQ(codes("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"), "250 250 354");
  EXPECT_EQ(codes("X: y\r\n\r\n..dot\r\n.\r\n"), "250");
  EXPECT_EQ(counters_.bytes, message.size());
}

TEST_F(SinkDialogueTest, EndsDataInTheSameWayHoweverItIsSplit) {
  const std::string message = "X: y\r\n\r\n..\r\n.x\n.\r\n.\r\n";
  for (std::size_t split = 0; split <= message.size(); ++split) {
    dialogue_.reset();
    counters_.messages = 0;
    EXPECT_EQ(codes("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"), "250 250 354");
    std::string output;
    const std::size_t taken = dialogue().take(message.substr(0, split), output);
    dialogue().take(message.substr(taken), output);
    EXPECT_EQ(output, "250 2.0.0 Ok\r\n") << "split at " << split;
    EXPECT_EQ(counters_.messages, 1u) << "split at " << split;
  }
}

TEST_F(SinkDialogueTest, KeepsTheReversePathAfterARefusedChunkWhenSticky) {
  settings_.keeps_mail = true;
  const std::string_view flight =
      "MAIL FROM:<a@b>\r\nRCPT nonsense\r\nBDAT 2 LAST\r\nxyMAIL FROM:<b@b>\r\n"
      "RCPT TO:<good@d>\r\nBDAT 2 LAST\r\nxy";
  EXPECT_EQ(codes(flight), "250 501 503 503 250 250");
  EXPECT_EQ(violations(Violation::nested_mail), 1u);
}

TEST_F(SinkDialogueTest, TellsAMessageThatCameUnderAnotherSender) {
  const LoadMessageMaker maker("run", 1000, 1);
  const std::string message = maker.make(1, "right@b", "c@d", 1000, Instant(1)).text();
  codes("MAIL FROM:<wrong@b>\r\nRCPT TO:<c@d>\r\nBDAT " + std::to_string(message.size()) +
        " LAST\r\n" + message);
  EXPECT_EQ(violations(Violation::sender_mismatch), 1u);
  EXPECT_EQ(violations(Violation::corrupt_body), 0u);
}

TEST_F(SinkDialogueTest, TellsAChangedBodyAndADuplicate) {
  const LoadMessageMaker maker("run", 1000, 1);
  std::string message = maker.make(1, "a@b", "c@d", 1000, Instant(1)).text();
  const std::string command =
      "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT " + std::to_string(message.size()) + " LAST\r\n";
  codes(command + message);
  message.back() = '?';
  codes(command + message);
  EXPECT_EQ(violations(Violation::corrupt_body), 1u);
  EXPECT_EQ(ledger_->duplicates(), 1u);
}

TEST_F(SinkDialogueTest, CountsWhatTheClientMayNotDo) {
  settings_.offers_pipelining = false;
  codes("EHLO x\r\nNONSENSE\r\nMAIL FROM:<a@b>\n");
  EXPECT_EQ(violations(Violation::unadvertised_pipelining), 2u);
  EXPECT_EQ(violations(Violation::unknown_command), 1u);
  EXPECT_EQ(violations(Violation::bare_newline), 1u);
  codes("RCPT TO:<c@d>\r\nDATA\r\nearly\r\n");
  EXPECT_EQ(violations(Violation::early_data), 1u);
}

TEST_F(SinkDialogueTest, ChecksTheMessagesOfTheWarmUpWithoutCountingThem) {
  settings_.warm_up = 1;
  const std::string message = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 3 LAST\r\nX\r\n";
  EXPECT_EQ(codes(message), "250 250 250");
  EXPECT_EQ(counters_.warm_up_messages, 1U);
  EXPECT_EQ(counters_.messages, 0U);
  EXPECT_EQ(counters_.first, Instant::far_future());
  EXPECT_EQ(codes(message), "250 250 250");
  EXPECT_EQ(counters_.messages, 1U);
  EXPECT_EQ(counters_.recipients, 1U);
}

TEST_F(SinkDialogueTest, AnswersByItsRules) {
  settings_.rules.push_back(ReplyRule::parse("rcpt:451 4.7.1 try later:100%").value());
  EXPECT_EQ(codes("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 2 LAST\r\nxy"), "250 451 503");
  EXPECT_EQ(counters_.messages, 0u);
}

TEST_F(SinkDialogueTest, EndsTheConnectionWith421) {
  settings_.rules.push_back(ReplyRule::parse("mail:421 4.7.0 slow down:100%").value());
  EXPECT_EQ(codes("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"), "421");
  EXPECT_TRUE(dialogue().is_over());
}

TEST(ReplyRule, RefusesWhatIsNoRule) {
  for (const char* text : {"", "rcpt", "rcpt:451 x", "rcpt:451 x:5", "nowhere:451 x:5%",
                           "rcpt:250 x:5%", "rcpt:451 x:101%", "rcpt:451 x:-1%", "rcpt:451 x:%"}) {
    EXPECT_FALSE(ReplyRule::parse(text).has_value()) << text;
  }
}

TEST_F(SinkDialogueTest, TakesNothingMoreBetweenStartTlsAndTls) {
  settings_.offers_starttls = true;
  EXPECT_EQ(codes("EHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@b>\r\n"), "250 220");
  EXPECT_TRUE(dialogue().wants_tls());
  EXPECT_EQ(rest_, "MAIL FROM:<a@b>\r\n");
  dialogue().secured();
  EXPECT_FALSE(dialogue().wants_tls());
  EXPECT_EQ(codes("EHLO x\r\nMAIL FROM:<a@b>\r\nSTARTTLS\r\n"), "250 250 503");
}

TEST_F(SinkDialogueTest, RefusesTlsThatItDoesNotOffer) {
  EXPECT_EQ(codes("EHLO x\r\nSTARTTLS\r\n"), "250 503");
  EXPECT_FALSE(dialogue().wants_tls());
}

}  // namespace
}  // namespace sluice::bench
