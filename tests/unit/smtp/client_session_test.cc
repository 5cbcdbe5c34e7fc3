// What the client says: modes, order of commands, writes, bodies.
#include "smtp/client_session.h"

#include <gmock/gmock.h>

#include "tests/unit/smtp/client_session_fixture.h"

namespace sluice::smtp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

using Extensions = std::vector<std::string>;

struct ModeCase {
  const char* name;
  Extensions extensions;
  bool has_chunks;
};

const ModeCase kModes[] = {
    {"chunking_and_pipelining", {"PIPELINING", "CHUNKING", "SIZE"}, true},
    {"pipelining", {"PIPELINING"}, false},
    {"chunking", {"CHUNKING"}, true},
    {"plain", {}, false},
};

class ClientMode : public ClientSessionTest, public testing::WithParamInterface<ModeCase> {
 protected:
  ClientMode() { server_.extensions = GetParam().extensions; }
};

INSTANTIATE_TEST_SUITE_P(Modes, ClientMode, testing::ValuesIn(kModes),
                         [](const auto& info) { return info.param.name; });

TEST_P(ClientMode, DeliversBodiesExactly) {
  const std::vector<std::string> bodies = {"a\r\n",
                                           "",
                                           ".\r\n..\r\n.a\r\n\r\n.\r\n",
                                           "no final line end",
                                           "\r\n",
                                           std::string(998, 'x') + "\r\n",
                                           "\xc3\xa4\r\n",
                                           ".",
                                           std::string(300'000, 'y') + "\r\n"};
  for (const auto& body : bodies) add("s@a.test", {"r@b.test"}, body);
  run();
  ASSERT_EQ(server_.messages.size(), bodies.size());
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    EXPECT_EQ(code(i), 250);
    // DATA cannot carry a body without a line end.
    const bool gains_crlf =
        !GetParam().has_chunks && !bodies[i].empty() && !bodies[i].ends_with("\r\n");
    EXPECT_EQ(server_.messages[i].body, bodies[i] + (gains_crlf ? "\r\n" : ""));
  }
}

TEST_P(ClientMode, DeliversWhateverTheSplitOfReplies) {
  for (std::size_t bytes = 1; bytes <= 40; ++bytes) {
    mails_.clear();
    server_ = ScriptedServer();
    server_.extensions = GetParam().extensions;
    prepare_stream_ = [bytes](ServerStream& stream) { stream.split_answers(bytes); };
    add_numbered(4);
    run();
    EXPECT_THAT((std::vector<int>{code(0), code(1), code(2), code(3)}),
                ElementsAre(250, 250, 250, 250))
        << "in pieces of " << bytes;
  }
}

TEST_P(ClientMode, GivesEachRecipientItsReply) {
  answer("RCPT TO:<bad", "550 5.1.1 no\r\n");
  answer("RCPT TO:<later", "450 4.2.1 later\r\n");
  add("s@a.test", {"good@b.test", "bad@b.test", "later@b.test"}, "x\r\n");
  run();
  ASSERT_EQ(results_[0].recipients.size(), 3U);
  EXPECT_EQ(results_[0].recipients[0].reply.to_string(), "250 2.0.0 queued");
  EXPECT_EQ(results_[0].recipients[0].stage, ReplyStage::final);
  EXPECT_EQ(results_[0].recipients[1].reply.to_string(), "550 5.1.1 no");
  EXPECT_EQ(results_[0].recipients[2].reply.to_string(), "450 4.2.1 later");
  EXPECT_EQ(results_[0].recipients[2].stage, ReplyStage::recipient);
  EXPECT_THAT(server_.messages[0].recipients, ElementsAre("good@b.test"));
}

// The server keeps MAIL of a message whose recipients were all refused, as Exim does.
TEST_P(ClientMode, NeverMixesMessagesBehindRefusedOnes) {
  answer("RCPT TO:<bad", "550 5.1.1 no\r\n");
  answer("MAIL FROM:<refused", "550 5.7.1 not you\r\n");
  add_numbered(1);
  for (int round = 0; round < 3; ++round) {
    add("victim@a.test", {"bad@b.test"}, "of nobody\r\n");
    add_numbered(1);
    add("refused@a.test", {"good@b.test"}, "of nobody\r\n");
    add_numbered(2);
  }
  run();
  EXPECT_TRUE(was_usable_) << failure_;
  std::vector<ScriptedServer::Message> expected;
  for (std::size_t i = 0; i < mails_.size(); ++i) {
    const std::string number = std::to_string(i);
    if (mails_[i].sender.starts_with("sender")) {
      EXPECT_EQ(code(i), 250) << i;
      expected.push_back({"sender" + number + "@a.test",
                          {"rcpt" + number + "@b.test"},
                          "body " + number + "\r\n"});
    } else {
      EXPECT_EQ(code(i), 550) << i;
    }
  }
  EXPECT_EQ(server_.messages, expected);
}

TEST_P(ClientMode, GivesARefusedEndToItsOwnMessage) {
  int ends = 0;
  server_.override_with = [&ends](std::string_view line) -> std::optional<std::string> {
    if (line == "<body>" && ++ends == 3) return "452 4.3.1 full\r\n";
    return std::nullopt;
  };
  add_numbered(5);
  run();
  EXPECT_THAT((std::vector<int>{code(0), code(1), code(2), code(3), code(4)}),
              ElementsAre(250, 250, 452, 250, 250));
}

TEST_P(ClientMode, GivesARefusedMailToEveryRecipient) {
  answer("MAIL", "451 4.7.1 greylisted\r\n");
  add("s@a.test", {"one@b.test", "two@b.test"}, "x\r\n");
  run();
  ASSERT_EQ(results_[0].recipients.size(), 2U);
  EXPECT_EQ(results_[0].recipients[1].reply.to_string(), "451 4.7.1 greylisted");
  EXPECT_EQ(results_[0].recipients[1].stage, ReplyStage::mail);
  EXPECT_TRUE(was_usable_);
}

// Wherever the connection breaks: what the server took is never sent again without saying that a
// duplicate is possible, and what it did not take never counts as accepted.
TEST_P(ClientMode, KeepsItsPromiseWhereverTheConnectionBreaks) {
  for (std::size_t bytes = 1; bytes < 1000; ++bytes) {
    mails_.clear();
    server_ = ScriptedServer();
    server_.extensions = GetParam().extensions;
    prepare_stream_ = [bytes](ServerStream& stream) { stream.break_after_answers(bytes); };
    add_numbered(5);
    run();
    for (std::size_t i = 0; i < mails_.size(); ++i) {
      const bool was_taken =
          std::ranges::any_of(server_.messages, [&](const ScriptedServer::Message& message) {
            return message.sender == mails_[i].sender;
          });
      if (code(i) == 250) EXPECT_TRUE(was_taken) << i << " at " << bytes;
      if (was_taken && code(i) != 250) {
        EXPECT_EQ(end(i), TransactionEnd::ambiguous) << i << " at " << bytes;
      }
    }
    if (was_usable_) break;  // it did not break
  }
}

TEST_P(ClientMode, SendsALargeBodyInParts) {
  std::string body;
  while (body.size() < 5'000'000) body += "0123456789012345678901234567890123456789\r\n.x\r\n";
  add("s@a.test", {"r@b.test"}, body).body->split(256 * 1024);
  add_numbered(2);
  server_.extensions.erase(
      std::remove(server_.extensions.begin(), server_.extensions.end(), "SIZE 1000000"),
      server_.extensions.end());
  run();
  EXPECT_EQ(code(0), 250);
  EXPECT_EQ(code(2), 250);
  ASSERT_EQ(server_.messages.size(), 3U);
  EXPECT_TRUE(server_.messages[0].body == body);
  for (const auto& write : writes_) EXPECT_LT(write.size(), 300'000U);
}

TEST_P(ClientMode, SaysQuit) {
  add_numbered(1);
  run();
  EXPECT_EQ(server_.lines.back(), "QUIT");
  EXPECT_EQ(times_finished_, 1);
  EXPECT_THAT(failure_, IsEmpty());
}

TEST_F(ClientSessionTest, SendsOneMessageAloneUntilOneSucceeded) {
  answer("RCPT TO:<rcpt0", "550 5.1.1 no\r\n");
  add_numbered(4);
  run();
  ASSERT_GE(writes_.size(), 4U);
  EXPECT_THAT(writes_[1], StartsWith("MAIL FROM:<sender0@a.test> SIZE=8\r\n"));
  EXPECT_THAT(writes_[2], StartsWith("RSET\r\nMAIL FROM:<sender1@a.test>"));
  EXPECT_THAT(writes_[2], Not(HasSubstr("sender2")));
  EXPECT_EQ(writes_[3],
            "MAIL FROM:<sender2@a.test> SIZE=8\r\nRCPT TO:<rcpt2@b.test>\r\nBDAT 8 LAST\r\n"
            "body 2\r\n"
            "RSET\r\n"
            "MAIL FROM:<sender3@a.test> SIZE=8\r\nRCPT TO:<rcpt3@b.test>\r\nBDAT 8 LAST\r\n"
            "body 3\r\n");
}

TEST_F(ClientSessionTest, FillsAFlightUpToItsDepth) {
  settings_.pipeline_depth = 4;
  add_numbered(12);
  run();
  EXPECT_EQ(in_flight_most_, 4U);
  EXPECT_EQ(server_.messages.size(), 12U);
}

TEST_F(ClientSessionTest, KeepsAFlightBelowItsBytes) {
  server_.extensions = {"PIPELINING", "CHUNKING"};
  add_numbered(1);
  for (int i = 0; i < 4; ++i) add("s@a.test", {"r@b.test"}, std::string(100'000, 'x'));
  run();
  ASSERT_EQ(server_.messages.size(), 5U);
  for (const auto& write : writes_) EXPECT_LE(write.size(), kFlightBytesMax);
}

TEST_F(ClientSessionTest, SendsABodyAndTheNextCommandsInOneWrite) {
  server_.extensions = {"PIPELINING"};
  add_numbered(4);
  run();
  ASSERT_GE(writes_.size(), 6U);
  EXPECT_EQ(writes_[1], "MAIL FROM:<sender0@a.test>\r\nRCPT TO:<rcpt0@b.test>\r\nDATA\r\n");
  EXPECT_EQ(writes_[2], "body 0\r\n.\r\n");
  EXPECT_EQ(writes_[3], "MAIL FROM:<sender1@a.test>\r\nRCPT TO:<rcpt1@b.test>\r\nDATA\r\n");
  EXPECT_EQ(writes_[4],
            "body 1\r\n.\r\n"
            "RSET\r\nMAIL FROM:<sender2@a.test>\r\nRCPT TO:<rcpt2@b.test>\r\nDATA\r\n");
}

TEST_F(ClientSessionTest, AnswersGrantedDataWithALoneDotWhenNobodyIsToGetIt) {
  server_.extensions = {"PIPELINING"};
  answer("RCPT TO:<rcpt0", "550 5.1.1 no\r\n");
  answer("DATA", "354 go\r\n");
  add_numbered(2);
  run();
  EXPECT_EQ(code(0), 550);
  EXPECT_EQ(code(1), 250);
  EXPECT_EQ(writes_[2], ".\r\n");
  ASSERT_EQ(server_.messages.size(), 1U);
  EXPECT_EQ(server_.messages[0].sender, "sender1@a.test");
}

TEST_F(ClientSessionTest, SaysOneCommandAtATimeWithoutPipelining) {
  server_.extensions = {};
  add("s@a.test", {"one@b.test", "two@b.test"}, ".\r\n");
  run();
  EXPECT_THAT(writes_, ElementsAre("EHLO client.test\r\n", "MAIL FROM:<s@a.test>\r\n",
                                   "RCPT TO:<one@b.test>\r\n", "RCPT TO:<two@b.test>\r\n",
                                   "DATA\r\n", "..\r\n.\r\n", "QUIT\r\n"));
}

TEST_F(ClientSessionTest, SaysNoDataWithoutRecipientsInADialogue) {
  server_.extensions = {};
  answer("RCPT", "550 5.1.1 no\r\n");
  add_numbered(2);
  run();
  EXPECT_THAT(
      server_.lines,
      ElementsAre("EHLO client.test", "MAIL FROM:<sender0@a.test>", "RCPT TO:<rcpt0@b.test>",
                  "RSET", "MAIL FROM:<sender1@a.test>", "RCPT TO:<rcpt1@b.test>", "QUIT"));
}

TEST_F(ClientSessionTest, SaysHeloWhereEhloIsUnknown) {
  answer("EHLO", "502 5.5.1 what?\r\n");
  add_numbered(1);
  run();
  EXPECT_EQ(code(0), 250);
  EXPECT_THAT(server_.lines,
              ElementsAre("EHLO client.test", "HELO client.test", "MAIL FROM:<sender0@a.test>",
                          "RCPT TO:<rcpt0@b.test>", "DATA", "<body>", "QUIT"));
}

TEST_F(ClientSessionTest, SendsTheNullReversePath) {
  add("", {"r@b.test"}, "bounce\r\n");
  run();
  EXPECT_EQ(code(0), 250);
  EXPECT_THAT(server_.lines[1], StartsWith("MAIL FROM:<> SIZE=8"));
}

TEST_F(ClientSessionTest, DeclaresEightBitBodies) {
  add("s@a.test", {"r@b.test"}, "\xc3\xa4\r\n").type = BodyType::eight_bit_mime;
  run();
  EXPECT_EQ(code(0), 250);
  EXPECT_EQ(server_.lines[1], "MAIL FROM:<s@a.test> SIZE=4 BODY=8BITMIME");
}

TEST_F(ClientSessionTest, CannotSendEightBitBodiesToAPeerWithoutThem) {
  server_.extensions = {"PIPELINING", "CHUNKING"};
  add("s@a.test", {"r@b.test"}, "x\r\n").type = BodyType::eight_bit_mime;
  add_numbered(1);
  run();
  EXPECT_EQ(end(0), TransactionEnd::cannot_send);
  EXPECT_EQ(results_[0].verdict.reply.enhanced, (EnhancedStatus{5, 6, 3}));
  EXPECT_EQ(code(1), 250);
}

TEST_F(ClientSessionTest, CannotSendMoreThanThePeersSize) {
  server_.extensions = {"SIZE 10"};
  add("s@a.test", {"r@b.test"}, std::string(11, 'x'));
  add("s@a.test", {"r@b.test"}, std::string(10, 'x'));
  run();
  EXPECT_EQ(end(0), TransactionEnd::cannot_send);
  EXPECT_EQ(results_[0].verdict.reply.code, 552);
  EXPECT_EQ(results_[0].verdict.reply.enhanced, (EnhancedStatus{5, 3, 4}));
  EXPECT_EQ(code(1), 250);
}

TEST_F(ClientSessionTest, CannotSendAddressesThatWouldBeCommands) {
  add("s@a.test>\r\nRSET\r\nMAIL FROM:<x@a.test", {"r@b.test"}, "x\r\n");
  add("s@a.test", {"r@b.test\n"}, "x\r\n");
  run();
  EXPECT_EQ(end(0), TransactionEnd::cannot_send);
  EXPECT_EQ(end(1), TransactionEnd::cannot_send);
  EXPECT_THAT(server_.lines, ElementsAre("EHLO client.test", "QUIT"));
}

TEST_F(ClientSessionTest, KeepsTheConnectionWhenABodyFailsBeforeItsFirstPart) {
  add("s@a.test", {"r@b.test"}, "x\r\n").body->fail_at(0);
  add_numbered(1);
  run();
  EXPECT_EQ(end(0), TransactionEnd::body_failed);
  EXPECT_EQ(code(1), 250);
}

TEST_P(ClientMode, GivesUpTheConnectionWhenABodyFailsInTheMiddle) {
  ScriptedBody& body = *add("s@a.test", {"r@b.test"}, std::string(10'000, 'x')).body;
  body.split(1000);
  body.fail_at(5000);
  run();
  EXPECT_EQ(end(0), TransactionEnd::body_failed);
  EXPECT_EQ(results_[0].error, "the disk lies");
  EXPECT_FALSE(was_usable_);
  EXPECT_THAT(server_.messages, IsEmpty());
}

TEST_P(ClientMode, NeverSendsABodyThatIsNotAsLongAsItSaid) {
  for (const std::uint64_t size : {4999U, 5001U, 9000U}) {
    mails_.clear();
    server_ = ScriptedServer();
    server_.extensions = GetParam().extensions;
    ScriptedBody& body = *add("s@a.test", {"r@b.test"}, std::string(5000, 'x')).body;
    body.split(1000);
    body.pretend_size(size);
    run();
    EXPECT_EQ(end(0), TransactionEnd::body_failed) << size;
    EXPECT_THAT(server_.messages, IsEmpty());
  }
}

TEST_F(ClientSessionTest, GrowsItsDepthByOneWithEachMessageWhereItIsToldTo) {
  settings_.is_depth_grown = true;
  add_numbered(4);
  run();
  EXPECT_EQ(in_flight_most_, 2U);  // after the third there is none left to send beside two others
  mails_.clear();
  server_ = ScriptedServer();
  add_numbered(100);
  run();
  EXPECT_EQ(in_flight_most_, settings_.pipeline_depth);
  EXPECT_EQ(server_.messages.size(), 100U);
}

TEST_F(ClientSessionTest, HasNoMoreMessagesThanTheSettingsAllow) {
  settings_.messages_max = 3;
  add_numbered(5);
  run();
  EXPECT_EQ(server_.messages.size(), 3U);
  EXPECT_EQ(end(2), TransactionEnd::answered);
  EXPECT_EQ(end(3), TransactionEnd::not_attempted);
}

TEST_F(ClientSessionTest, HasNoMoreMessagesThanThePeersLimit) {
  settings_.messages_max = 4;
  server_.extensions.push_back("LIMITS MAILMAX=2 RCPTMAX=50");
  add_numbered(3);
  run();
  EXPECT_EQ(server_.messages.size(), 2U);
  EXPECT_EQ(end(2), TransactionEnd::not_attempted);
}

TEST_F(ClientSessionTest, LimitsItsDepthForGood) {
  add_numbered(6);
  int ends = 0;
  server_.override_with = [&](std::string_view line) -> std::optional<std::string> {
    if (line == "<body>" && ++ends == 1) session_->limit_depth(1);
    return std::nullopt;
  };
  run();
  EXPECT_EQ(in_flight_most_, 1U);
  EXPECT_EQ(server_.messages.size(), 6U);
}

}  // namespace
}  // namespace sluice::smtp
