// Every reply of reception to right and wrong commands.
#include <gmock/gmock.h>

#include "tests/unit/smtp/session_fixture.h"

namespace sluice::smtp {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

// A dialogue behind EHLO, and how its last reply begins.
struct ReplyCase {
  std::string name;
  std::string input;
  std::string last_reply;
};
void PrintTo(const ReplyCase& row, std::ostream* out) { *out << row.name; }

class Replies : public SessionTest, public testing::WithParamInterface<ReplyCase> {};

TEST_P(Replies, AnswerAsTheProtocolAsks) {
  const auto lines = replies_to(GetParam().input);
  ASSERT_FALSE(lines.empty());
  EXPECT_THAT(lines.back(), StartsWith(GetParam().last_reply));
  EXPECT_TRUE(has_ended);
}

std::string with_recipient(std::string_view rest) { return join({kMail, kRcpt, rest}); }

INSTANTIATE_TEST_SUITE_P(
    Order, Replies,
    testing::Values(
        ReplyCase{"mail", std::string(kMail), "250 2.0.0 Ok"},
        ReplyCase{"mail_twice", join({kMail, kMail}), "503 5.5.1 A message has been begun"},
        ReplyCase{"mail_after_rset", join({kMail, "RSET\r\n", kMail}), "250 2.0.0 Ok"},
        ReplyCase{"mail_after_ehlo", join({kMail, "HELO again\r\n", kMail}), "250 2.0.0 Ok"},
        ReplyCase{"rcpt", with_recipient(""), "250 2.0.0 Ok"},
        ReplyCase{"rcpt_before_mail", std::string(kRcpt), "503 5.5.1 Say MAIL first"},
        ReplyCase{"rcpt_after_rset", join({kMail, "RSET\r\n", kRcpt}), "503 5.5.1"},
        ReplyCase{"rcpt_after_ehlo", join({kMail, "HELO again\r\n", kRcpt}), "503 5.5.1"},
        ReplyCase{"rcpt_after_bdat", with_recipient("BDAT 1\r\nxRCPT TO:<c@c.example>\r\n"),
                  "503 5.5.1 RCPT must come before"},
        ReplyCase{"data", with_recipient("DATA\r\n"), "354 "},
        ReplyCase{"data_before_mail", "DATA\r\n", "503 5.5.1 Say MAIL and RCPT first"},
        ReplyCase{"data_before_rcpt", join({kMail, "DATA\r\n"}), "503 5.5.1 Say RCPT first"},
        ReplyCase{"data_all_refused", join({kMail, "RCPT TO:<>\r\nDATA\r\n"}),
                  "554 5.5.1 No valid recipients"},
        ReplyCase{"data_after_bdat", with_recipient("BDAT 1\r\nxDATA\r\n"),
                  "503 5.5.1 BDAT began this message"},
        ReplyCase{"rset", "RSET\r\n", "250 2.0.0 Ok"},
        ReplyCase{"noop", "NOOP\r\n", "250 2.0.0 Ok"},
        ReplyCase{"noop_in_transaction", with_recipient("NOOP\r\n"), "250 2.0.0 Ok"},
        ReplyCase{"vrfy", "VRFY postmaster\r\n", "252 2.0.0"},
        ReplyCase{"expn", "EXPN staff\r\n", "502 5.5.1"},
        ReplyCase{"help", "HELP\r\n", "214 2.0.0 Commands: EHLO"},
        ReplyCase{"quit", "QUIT\r\n", "221 2.0.0 mx.example closing"},
        ReplyCase{"quit_in_transaction", with_recipient("QUIT\r\n"), "221 2.0.0"}),
    [](const auto& row) { return row.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Arguments, Replies,
    testing::Values(
        ReplyCase{"unknown", "FOO\r\n", "500 5.5.2 Unknown command"},
        ReplyCase{"empty", "\r\n", "500 5.5.2"}, ReplyCase{"starttls", "STARTTLS\r\n", "502 5.5.1"},
        ReplyCase{"auth", "AUTH PLAIN x\r\n", "502 5.5.1"},
        ReplyCase{"lower_case", "mail from:<a@a.example>\r\n", "250 2.0.0"},
        ReplyCase{"blanks_behind", "NOOP  \r\n", "250 2.0.0"},
        ReplyCase{"ehlo_bare", "EHLO\r\n", "501 Say who you are"},
        ReplyCase{"helo_bare", "HELO\r\n", "501 Say who you are"},
        ReplyCase{"helo", "HELO client\r\n", "250 mx.example"},
        ReplyCase{"ehlo_words", "EHLO two words\r\n", "501 The name must be one word"},
        ReplyCase{"mail_bare", "MAIL\r\n", "501 5.5.4 Syntax: MAIL FROM:<user@example.com>"},
        ReplyCase{"mail_unbracketed", "MAIL FROM:a@a.example\r\n",
                  "501 5.5.4 The address must stand"},
        ReplyCase{"mail_open", "MAIL FROM:<a@a.example\r\n", "501 5.5.4 The > is missing"},
        ReplyCase{"mail_bad_domain", "MAIL FROM:<a@-a>\r\n", "501 5.1.7 The domain"},
        ReplyCase{"mail_null", "MAIL FROM:<>\r\n", "250 2.0.0"},
        ReplyCase{"mail_utf8", "MAIL FROM:<\xC3\xA4@a.example>\r\n", "553 5.6.7"},
        ReplyCase{"mail_size", "MAIL FROM:<> SIZE=50000000\r\n", "250 2.0.0"},
        ReplyCase{"mail_size_over", "MAIL FROM:<> SIZE=50000001\r\n", "552 5.3.4"},
        ReplyCase{"mail_size_word", "MAIL FROM:<> SIZE=big\r\n", "501 5.5.4 SIZE needs"},
        ReplyCase{"mail_body", "MAIL FROM:<> BODY=8BITMIME SIZE=5\r\n", "250 2.0.0"},
        ReplyCase{"mail_body_binary", "MAIL FROM:<> BODY=BINARYMIME\r\n", "504 5.5.4"},
        ReplyCase{"mail_unknown", "MAIL FROM:<> BY=120\r\n",
                  "555 5.5.4 The parameter BY of MAIL is not offered"},
        ReplyCase{"rcpt_bare", join({kMail, "RCPT\r\n"}), "501 5.5.4 Syntax: RCPT TO:"},
        ReplyCase{"rcpt_null", join({kMail, "RCPT TO:<>\r\n"}), "501 5.1.3 The null address"},
        ReplyCase{"rcpt_no_domain", join({kMail, "RCPT TO:<bob>\r\n"}),
                  "501 5.1.3 The address has"},
        ReplyCase{"rcpt_postmaster", join({kMail, "RCPT TO:<Postmaster>\r\n"}), "250 2.0.0"},
        ReplyCase{"rcpt_unknown", join({kMail, "RCPT TO:<b@b.example> RRVS=1\r\n"}),
                  "555 5.5.4 The parameter RRVS of RCPT"},
        ReplyCase{"data_argument", with_recipient("DATA now\r\n"), "501 5.5.4 DATA takes"},
        ReplyCase{"rset_argument", "RSET now\r\n", "501 5.5.4 RSET takes"},
        ReplyCase{"quit_argument", "QUIT now\r\n", "501 5.5.4 QUIT takes"},
        ReplyCase{"vrfy_bare", "VRFY\r\n", "501 5.5.4 Syntax: VRFY"},
        ReplyCase{"bdat_junk", with_recipient("BDAT 1 FIRST\r\nx"), "501 5.5.4 Syntax: BDAT"},
        ReplyCase{"bare_lf", "NOOP\nNOOP\r\n", "500 5.5.2 Bare CR or LF"},
        ReplyCase{"bare_cr", "NOOP\rNOOP\r\n", "500 5.5.2 Bare CR or LF"},
        ReplyCase{"line_at_limit", "NOOP " + std::string(2041, 'x') + "\r\n", "250 2.0.0"},
        ReplyCase{"line_past_limit", "NOOP " + std::string(2042, 'x') + "\r\n",
                  "500 5.5.2 Line too long"},
        ReplyCase{"synchronised_behind_long_line", std::string(9000, 'x') + "\r\nNOOP\r\n",
                  "250 2.0.0"},
        ReplyCase{"line_without_end", std::string(60'000, 'x') + std::string(60'000, 'y'),
                  "421 4.7.0 mx.example The command line has no end"}),
    [](const auto& row) { return row.param.name; });

TEST_F(SessionTest, GreetsWithItsNameAndTheExtensions) {
  stream.feed("EHLO client.example\r\nQUIT\r\n");
  run();
  EXPECT_EQ(stream.output(),
            "220 mx.example ESMTP\r\n"
            "250-mx.example greets client.example\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n"
            "250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250-LIMITS RCPTMAX=1000\r\n250 "
            "CHUNKING\r\n"
            "221 2.0.0 mx.example closing\r\n");
}

TEST_F(SessionTest, AsksForHelloBeforeMail) {
  stream.feed(std::string(kMail));
  run();
  EXPECT_THAT(split_lines(stream.output()).back(), StartsWith("503 5.5.1 Say EHLO or HELO first"));
}

TEST_F(SessionTest, RefusedByTheGreetingAClientMayOnlyQuit) {
  handler.answers["connect"] = reply(554, {}, "No service for you");
  stream.feed("EHLO me\r\nQUIT\r\n");
  run();
  EXPECT_THAT(split_lines(stream.output()),
              ElementsAre("554 mx.example No service for you", StartsWith("503 5.5.1"),
                          StartsWith("221 2.0.0")));
}

TEST_F(SessionTest, ClosesAtOnceBehindA421Greeting) {
  handler.answers["connect"] = reply(421, {4, 7, 0}, "Too many connections");
  stream.feed("EHLO me\r\n");
  run();
  EXPECT_EQ(stream.output(), "421 mx.example Too many connections\r\n");
}

TEST_F(SessionTest, PassesOnWhatTheHandlerSaysOfARecipient) {
  handler.answers["b@b.example"] = reply(550, {5, 7, 1}, "Relay access denied");
  EXPECT_THAT(replies_to(join({kMail, kRcpt, "DATA\r\n"})),
              ElementsAre("250 2.0.0 Ok", "550 5.7.1 Relay access denied",
                          "554 5.5.1 No valid recipients"));
  EXPECT_THAT(handler.rejected, ElementsAre("RCPT 550 5.7.1 Relay access denied",
                                            "DATA 554 5.5.1 No valid recipients"));
}

TEST_F(SessionTest, ARefusedMailBeginsNothing) {
  handler.answers["mail"] = reply(452, {4, 3, 1}, "Full");
  EXPECT_THAT(replies_to(join({kMail, kRcpt})),
              ElementsAre("452 4.3.1 Full", StartsWith("503 5.5.1")));
}

TEST_F(SessionTest, TakesRecipientsUpToTheLimitAndKeepsThem) {
  settings.recipients_max = 2;
  const auto lines = replies_to(join({kMail, kRcpt, kRcpt, kRcpt, "BDAT 2 LAST\r\nhi"}));
  EXPECT_THAT(lines, ElementsAre(StartsWith("250"), StartsWith("250"), StartsWith("250"),
                                 StartsWith("452 4.5.3"), "250 2.0.0 Ok: queued as 1"));
}

TEST_F(SessionTest, ClosesAtTheLimitOfErrors) {
  settings.errors_max = 3;
  EXPECT_THAT(replies_to("FOO\r\nFOO\r\nFOO\r\nNOOP\r\n"),
              ElementsAre(StartsWith("500"), StartsWith("500"), StartsWith("500"),
                          "421 4.7.0 mx.example Too many errors; closing"));
}

TEST_F(SessionTest, BelowTheLimitOfErrorsGoesOn) {
  settings.errors_max = 3;
  EXPECT_THAT(replies_to("FOO\r\nFOO\r\nNOOP\r\n"),
              ElementsAre(StartsWith("500"), StartsWith("500"), "250 2.0.0 Ok"));
}

TEST_F(SessionTest, AnAcceptedMessageForgivesErrors) {
  settings.errors_max = 2;
  EXPECT_EQ(
      replies_to(join({"FOO\r\n", kMail, kRcpt, "BDAT 1 LAST\r\nx", "FOO\r\nNOOP\r\n"})).back(),
      "250 2.0.0 Ok");
}

TEST_F(SessionTest, CommandsWithoutWorkBecomeErrorsPastTheirLimit) {
  settings.errors_max = 2;
  std::string input;
  for (int i = 0; i < 101; ++i) input += "NOOP\r\n";  // with the EHLO: two past the limit
  const auto lines = replies_to(input);
  EXPECT_EQ(lines.size(), 102);
  EXPECT_THAT(lines.back(), StartsWith("421 4.7.0"));
}

TEST_F(SessionTest, NothingIsAnsweredBehindQuit) {
  EXPECT_THAT(replies_to("QUIT\r\nNOOP\r\n"), ElementsAre(StartsWith("221")));
}

TEST_F(SessionTest, TellsTheHandlerOfATransactionThatEndsInTheMiddle) {
  replies_to(join({kMail, kRcpt}));
  EXPECT_THAT(handler.events, ElementsAre("mail a@a.example", "rcpt b@b.example", "reset"));
}

TEST_F(SessionTest, HandsOnWhatMailAndEhloSaid) {
  replies_to("MAIL FROM:<a@a.example> SIZE=77 BODY=8BITMIME\r\n");
  EXPECT_EQ(handler.hello, "client.example");
  ASSERT_TRUE(handler.last_mail);
  EXPECT_EQ(handler.last_mail->size, 77);
  EXPECT_EQ(handler.last_mail->body, BodyType::eight_bit_mime);
}

TEST_F(SessionTest, AnswersTheSameForAnySplitOfTheInput) {
  const std::string dialogue = join({kEhlo, kMail, kRcpt, "NOOP\nx\r\n", "BDAT 4 LAST\r\nab\r\n",
                                     kMail, kRcpt, kData, "x\r\n..y\r\n.\r\n", kQuit});
  stream.feed(dialogue);
  run();
  const std::string expected = stream.output();
  for (std::size_t bytes = 1; bytes < dialogue.size(); ++bytes) {
    FakeStream split(*shard);
    FakeHandler other(*shard);
    split.feed_split(dialogue, bytes);
    ClientInfo client{.peer = Endpoint{IpAddress::v4(1), 1},
                      .local = Endpoint{IpAddress::v4(2), 25},
                      .hello = {}};
    const ServerSession::Parts parts{
        .shard = *shard, .settings = settings, .stream = split, .handler = other};
    ServerSession session(parts, std::move(client));
    shard->run(session.run());
    EXPECT_EQ(split.output(), expected) << "pieces of " << bytes;
    EXPECT_THAT(other.messages, ElementsAre("ab\r\n", "x\r\n.y\r\n"));
  }
}

}  // namespace
}  // namespace sluice::smtp
