// The dialogue before the first message: STARTTLS and AUTH, and what is refused or lacks.
#include "smtp/client_opening.h"

#include <gmock/gmock.h>

#include "tests/unit/smtp/client_session_fixture.h"

namespace sluice::smtp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// "\0relay\0secret", "relay", "secret"
constexpr const char* kPlainLogin = "AUTH PLAIN AHJlbGF5AHNlY3JldA==";
constexpr const char* kUserInBase64 = "cmVsYXk=";
constexpr const char* kPasswordInBase64 = "c2VjcmV0";

class FakeUpgrade final : public TlsUpgrade {
 public:
  void discard_received() override { ++discards; }
  Task<Result<tls::ConnectionFacts>> secure(Deadline /*deadline*/) override {
    if (fails) co_return fail(failure, "the handshake failed");
    if (on_secured) on_secured();
    tls::ConnectionFacts facts;
    facts.version = "TLSv1.3";
    co_return facts;
  }

  std::function<void()> on_secured;  // what the server does under TLS
  bool fails = false;
  ErrorCode failure = ErrorCode::connection_lost;
  int discards = 0;
};

class ClientOpeningTest : public ClientSessionTest {
 protected:
  ClientOpeningTest() {
    answer("STARTTLS", "220 2.0.0 go on\r\n");
    upgrade_to_ = &upgrade_;
  }
  void log_in() { settings_.login = ClientLogin{.user = "relay", .password = Secret("secret")}; }
  // What the server offers in clear, then under TLS.
  void offer(std::vector<std::string> clear, std::vector<std::string> secured) {
    server_.extensions = std::move(clear);
    upgrade_.on_secured = [this, secured] { server_.extensions = secured; };
  }
  const Opened& opened() const { return opened_->value(); }
  std::string error() const { return opened_->error().sentence(); }

  FakeUpgrade upgrade_;
};

TEST_F(ClientOpeningTest, ForgetsUnderTlsWhatWasOfferedInClear) {
  settings_.starttls = StartTls::required;
  offer({"STARTTLS", "CHUNKING", "PIPELINING", "SIZE 5"}, {"PIPELINING"});
  add("s@a.test", {"r@b.test"}, "long enough\r\n");
  run();
  EXPECT_EQ(code(0), 250);
  EXPECT_EQ(upgrade_.discards, 1);
  EXPECT_THAT(server_.lines,
              ElementsAre("EHLO client.test", "STARTTLS", "EHLO client.test", HasSubstr("MAIL"),
                          HasSubstr("RCPT"), "DATA", "<body>", "QUIT"));
}

TEST_F(ClientOpeningTest, GoesOnInClearWhereTlsIsNotOffered) {
  settings_.starttls = StartTls::if_offered;
  add("s@a.test", {"r@b.test"}, "x\r\n");
  run();
  EXPECT_EQ(code(0), 250);
  EXPECT_FALSE(was_secured_);
}

TEST_F(ClientOpeningTest, TakesNoHostForOneThatDoesNotOfferWhatIsRequired) {
  settings_.starttls = StartTls::required;
  log_in();
  run();
  ASSERT_FALSE(opened_->has_value());
  EXPECT_EQ(opened_->error().code(), ErrorCode::unsupported);
  EXPECT_EQ(error(), "the host does not offer STARTTLS");
  EXPECT_THAT(server_.lines, ElementsAre("EHLO client.test"));
}

TEST_F(ClientOpeningTest, TellsOfATlsThatIsRefused) {
  settings_.starttls = StartTls::if_offered;
  server_.extensions = {"STARTTLS"};
  rules_.clear();
  answer("STARTTLS", "454 4.7.0 not now\r\n");
  run();
  ASSERT_TRUE(opened().refusal.has_value());
  EXPECT_EQ(opened().stage, ReplyStage::starttls);
  EXPECT_EQ(opened().refusal->code, 454);
  EXPECT_TRUE(has_tls_failed_);
}

TEST_F(ClientOpeningTest, TellsOfAHandshakeThatFails) {
  settings_.starttls = StartTls::if_offered;
  server_.extensions = {"STARTTLS"};
  upgrade_.fails = true;
  run();
  ASSERT_FALSE(opened_->has_value());
  EXPECT_THAT(error(), HasSubstr("TLS: the handshake failed"));
  EXPECT_TRUE(has_tls_failed_);
}

TEST_F(ClientOpeningTest, DoesNotBlameTheHostForAHandshakeThatOurSideEnded) {
  settings_.starttls = StartTls::if_offered;
  server_.extensions = {"STARTTLS"};
  upgrade_.fails = true;
  upgrade_.failure = ErrorCode::cancelled;
  run();
  ASSERT_FALSE(opened_->has_value());
  EXPECT_FALSE(has_tls_failed_);
}

TEST_F(ClientOpeningTest, LogsInUnderTls) {
  settings_.starttls = StartTls::required;
  log_in();
  offer({"STARTTLS"}, {"AUTH LOGIN PLAIN", "PIPELINING"});
  answer("AUTH PLAIN", "235 2.7.0 welcome\r\n");
  run();
  EXPECT_EQ(opened().refusal, std::nullopt);
  EXPECT_TRUE(was_secured_);
  EXPECT_THAT(server_.lines,
              ElementsAre("EHLO client.test", "STARTTLS", "EHLO client.test", kPlainLogin, "QUIT"));
}

TEST_F(ClientOpeningTest, LogsInByDialogueWhereThatIsAllThereIs) {
  log_in();
  server_.extensions = {"AUTH LOGIN CRAM-MD5"};
  answer("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n");
  answer(kUserInBase64, "334 UGFzc3dvcmQ6\r\n");
  answer(kPasswordInBase64, "235 2.7.0 welcome\r\n");
  run();
  EXPECT_EQ(opened().refusal, std::nullopt);
  EXPECT_THAT(server_.lines, ElementsAre("EHLO client.test", "AUTH LOGIN", kUserInBase64,
                                         kPasswordInBase64, "QUIT"));
}

TEST_F(ClientOpeningTest, TellsOfALoginThatIsRefused) {
  log_in();
  server_.extensions = {"AUTH PLAIN"};
  answer("AUTH PLAIN", "535 5.7.8 wrong\r\n");
  run();
  ASSERT_TRUE(opened().refusal.has_value());
  EXPECT_EQ(opened().stage, ReplyStage::login);
  EXPECT_EQ(opened().refusal->code, 535);
  EXPECT_FALSE(has_tls_failed_);
}

TEST_F(ClientOpeningTest, SaysNothingMoreToAHostThatBreaksOffTheDialogue) {
  log_in();
  server_.extensions = {"AUTH LOGIN"};
  answer("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n");
  answer(kUserInBase64, "500 5.5.2 what?\r\n");
  run();
  EXPECT_EQ(opened().stage, ReplyStage::login);
  EXPECT_THAT(server_.lines, testing::Not(testing::Contains(kPasswordInBase64)));
}

TEST_F(ClientOpeningTest, TakesNoHostThatOffersNoLoginItKnows) {
  log_in();
  server_.extensions = {"AUTH CRAM-MD5 XOAUTH2"};
  run();
  ASSERT_FALSE(opened_->has_value());
  EXPECT_EQ(error(), "the host offers neither AUTH PLAIN nor AUTH LOGIN");
}

}  // namespace
}  // namespace sluice::smtp
