// STARTTLS and AUTH in a server session.
#include <gmock/gmock.h>

#include "smtp/base64.h"
#include "tests/unit/smtp/session_fixture.h"

namespace sluice::smtp {
namespace {

using namespace std::string_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kStartTls = "STARTTLS\r\n";
constexpr std::string_view kAuthPlain = "AUTH PLAIN AHVzZXIAc2VjcmV0\r\n";  // user, secret

// What came before the handshake is dropped; then the stream goes on as if it were TLS.
class FakeUpgrade final : public TlsUpgrade {
 public:
  explicit FakeUpgrade(FakeStream& stream) : stream_(stream) {}

  void discard_received() override {
    discarded += stream_.received();
    stream_.consume(stream_.received().size());
  }
  Task<Result<tls::ConnectionFacts>> secure(Deadline /*deadline*/) override {
    ++handshakes;
    output_before = stream_.output();
    if (fails) co_return fail(ErrorCode::connection_lost, "the handshake failed");
    tls::ConnectionFacts facts;
    facts.version = "TLSv1.3";
    facts.cipher = "TLS_AES_128_GCM_SHA256";
    stream_.feed(said_in_tls);
    co_return facts;
  }

  std::string said_in_tls;
  bool fails = false;
  std::string discarded;
  std::string output_before;
  int handshakes = 0;

 private:
  FakeStream& stream_;
};

class SecurityTest : public SessionTest {
 public:
  SecurityTest() {
    settings.tls = TlsPolicy::starttls;
    settings.auth = AuthPolicy::required;
    upgrade = &fake_upgrade;
  }
  // The session after a handshake, in which the client says this.
  void run_in_tls(std::string_view said) {
    fake_upgrade.said_in_tls = join({kEhlo, said});
    stream.feed(join({kEhlo, kStartTls}));
    run();
  }
  std::string output_in_tls() const {
    return stream.output().substr(fake_upgrade.output_before.size());
  }
  FakeUpgrade fake_upgrade{stream};
};

TEST_F(SecurityTest, OffersTlsFirstAndAuthOnceItIsActive) {
  run_in_tls(kQuit);
  EXPECT_THAT(fake_upgrade.output_before, AllOf(HasSubstr("STARTTLS"), Not(HasSubstr("AUTH"))));
  EXPECT_THAT(output_in_tls(),
              AllOf(HasSubstr("250-AUTH PLAIN LOGIN"), Not(HasSubstr("STARTTLS"))));
}

TEST_F(SecurityTest, The220LeavesBeforeTheHandshake) {
  run_in_tls(kQuit);
  EXPECT_EQ(split_lines(fake_upgrade.output_before).back(), "220 2.0.0 Ready to start TLS");
  EXPECT_EQ(fake_upgrade.handshakes, 1);
}

// CVE-2011-0411: what was slipped in behind STARTTLS must not be taken for what comes encrypted.
TEST_F(SecurityTest, DropsWhatWasSaidBehindStartTlsInClear) {
  fake_upgrade.said_in_tls = join({kEhlo, kQuit});
  stream.feed(join({kEhlo, kStartTls, kMail, kRcpt, "DATA\r\nevil\r\n.\r\n"}));
  run();
  EXPECT_THAT(fake_upgrade.discarded, StartsWith("MAIL FROM"));
  EXPECT_THAT(handler.events, Not(Contains(HasSubstr("mail"))));
}

TEST_F(SecurityTest, ForgetsWhatWasSaidBeforeTheHandshake) {
  fake_upgrade.said_in_tls = join({kMail, kQuit});
  stream.feed(join({kEhlo, kStartTls}));
  run();
  EXPECT_THAT(handler.rejected, ElementsAre(StartsWith("MAIL 503 5.5.1 Say EHLO")));
  EXPECT_THAT(handler.events, Contains("secured TLSv1.3"));
}

TEST_F(SecurityTest, AnOpenTransactionIsVoidedByStartTls) {
  settings.tls = TlsPolicy::starttls;
  settings.auth = AuthPolicy::off;
  fake_upgrade.said_in_tls = std::string(kQuit);
  stream.feed(join({kEhlo, kMail, kStartTls}));
  run();
  EXPECT_THAT(handler.events, ElementsAre("mail a@a.example", "reset", "secured TLSv1.3"));
}

TEST_F(SecurityTest, PendingMessagesAreAnsweredBeforeTheHandshake) {
  settings.auth = AuthPolicy::off;
  handler.commits_are_held = true;
  fake_upgrade.said_in_tls = std::string(kQuit);
  stream.feed(join({kEhlo, kMail, kRcpt, "BDAT 4 LAST\r\nab\r\n", kStartTls}));
  run_beside([](SecurityTest& test) -> Task<void> {
    co_await test.settle();
    EXPECT_EQ(test.fake_upgrade.handshakes, 0);
    test.handler.commit();
  }(*this));
  EXPECT_THAT(fake_upgrade.output_before, HasSubstr("queued as 1\r\n220 2.0.0 Ready"));
}

TEST_F(SecurityTest, AFailedHandshakeEndsTheSessionWithoutAWord) {
  fake_upgrade.fails = true;
  run_in_tls(kQuit);
  EXPECT_EQ(stream.output(), fake_upgrade.output_before);
  EXPECT_TRUE(has_ended);
}

struct StateCase {
  std::string_view name;
  TlsPolicy tls;
  AuthPolicy auth;
  std::string_view said;  // behind EHLO, in clear
  std::string_view reply;
};

class InClear : public SecurityTest, public testing::WithParamInterface<StateCase> {};

TEST_P(InClear, IsAnsweredAsTheTableSays) {
  settings.tls = GetParam().tls;
  settings.auth = GetParam().auth;
  if (GetParam().tls == TlsPolicy::none) upgrade = nullptr;
  const auto replies = replies_to(join({GetParam().said, kQuit}));
  ASSERT_GE(replies.size(), 2U);
  EXPECT_THAT(replies[replies.size() - 2], StartsWith(std::string(GetParam().reply)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, InClear,
    testing::Values(
        StateCase{"required_mail", TlsPolicy::required, AuthPolicy::off, kMail, "530 5.7.0"},
        StateCase{"required_auth", TlsPolicy::required, AuthPolicy::required, kAuthPlain,
                  "530 5.7.0"},
        StateCase{"required_vrfy", TlsPolicy::required, AuthPolicy::off, "VRFY a@b\r\n",
                  "530 5.7.0"},
        StateCase{"required_data", TlsPolicy::required, AuthPolicy::off, kData, "530 5.7.0"},
        StateCase{"required_noop", TlsPolicy::required, AuthPolicy::off, "NOOP\r\n", "250 "},
        StateCase{"required_rset", TlsPolicy::required, AuthPolicy::off, "RSET\r\n", "250 "},
        StateCase{"offered_mail", TlsPolicy::starttls, AuthPolicy::off, kMail, "250 "},
        StateCase{"offered_auth", TlsPolicy::starttls, AuthPolicy::required, kAuthPlain,
                  "538 5.7.11"},
        StateCase{"no_tls", TlsPolicy::none, AuthPolicy::off, kStartTls, "502 5.5.1"},
        StateCase{"no_auth", TlsPolicy::starttls, AuthPolicy::off, kAuthPlain, "502 5.5.1"},
        StateCase{"argument", TlsPolicy::starttls, AuthPolicy::off, "STARTTLS now\r\n",
                  "501 5.5.4"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(SecurityTest, StartTlsTwiceIsRefused) {
  run_in_tls(join({kStartTls, kQuit}));
  EXPECT_THAT(handler.rejected, ElementsAre(StartsWith("STARTTLS 503 5.5.1")));
}

TEST_F(SecurityTest, StartTlsWantsEhloFirst) {
  stream.feed(join({kStartTls, kQuit}));
  run();
  EXPECT_THAT(handler.rejected, ElementsAre(StartsWith("STARTTLS 503 5.5.1")));
}

// Under TLS, as if from the first byte.
class AuthTest : public SessionTest {
 protected:
  AuthTest() {
    settings.auth = AuthPolicy::required;
    settings.allows_auth_in_clear = true;
  }
};

TEST_F(AuthTest, PlainWithItsInitialResponse) {
  EXPECT_THAT(replies_to(join({kAuthPlain, kQuit})).front(), StartsWith("235 2.0.0"));
  EXPECT_THAT(handler.events, Contains("auth user secret"));
}

TEST_F(AuthTest, PlainThatIsAskedForItsResponse) {
  const auto replies = replies_to(join({"AUTH PLAIN\r\n", "AHVzZXIAc2VjcmV0\r\n", kQuit}));
  EXPECT_THAT(replies, ElementsAre("334 ", StartsWith("235 "), StartsWith("221 ")));
  EXPECT_THAT(handler.events, Contains("auth user secret"));
}

TEST_F(AuthTest, Login) {
  const auto replies = replies_to(join({"AUTH LOGIN\r\n", "dXNlcg==\r\n", "c2VjcmV0\r\n", kQuit}));
  EXPECT_THAT(replies, ElementsAre("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", StartsWith("235 "),
                                   StartsWith("221 ")));
  EXPECT_THAT(handler.events, Contains("auth user secret"));
}

TEST_F(AuthTest, IsForgottenWhenItFails) {
  handler.answers["auth"] = reply(535, {5, 7, 8}, "Authentication credentials invalid");
  const auto replies = replies_to(join({kAuthPlain, kAuthPlain, kQuit}));
  EXPECT_THAT(replies,
              ElementsAre(StartsWith("535 5.7.8"), StartsWith("535 5.7.8"), StartsWith("221")));
}

TEST_F(AuthTest, HappensOnce) {
  EXPECT_THAT(replies_to(join({kAuthPlain, kAuthPlain, kQuit}))[1], StartsWith("503 5.5.1"));
}

TEST_F(AuthTest, IsNoPartOfATransaction) {
  EXPECT_THAT(replies_to(join({kMail, kAuthPlain, kQuit}))[1], StartsWith("503 5.5.1"));
}

TEST_F(AuthTest, KnowsItsMechanisms) {
  EXPECT_THAT(replies_to(join({"AUTH CRAM-MD5\r\n", kQuit})).front(), StartsWith("504 5.5.4"));
}

TEST_F(AuthTest, WantsAMechanism) {
  EXPECT_THAT(replies_to(join({"AUTH\r\n", kQuit})).front(), StartsWith("501 5.5.4"));
}

TEST_F(AuthTest, GivenUpIsNotAsked) {
  EXPECT_THAT(replies_to(join({"AUTH LOGIN\r\n", "*\r\n", kQuit})),
              ElementsAre(StartsWith("334 "), StartsWith("501 5.7.0"), StartsWith("221 ")));
  EXPECT_THAT(handler.events, IsEmpty());
}

TEST_F(AuthTest, AnEndlessAnswerIsRefused) {
  const std::string line(kCommandLineBytesMax, 'A');
  EXPECT_THAT(replies_to(join({"AUTH PLAIN\r\n", line, "\r\n", kQuit})),
              ElementsAre(StartsWith("334 "), StartsWith("500 5.5.6"), StartsWith("221 ")));
}

TEST_F(AuthTest, A421EndsTheSession) {
  handler.answers["auth"] = reply(421, {4, 7, 0}, "Too many failures");
  EXPECT_THAT(replies_to(join({kAuthPlain, kMail})), ElementsAre(StartsWith("421 4.7.0")));
}

TEST_F(AuthTest, ManyFailuresEndTheSession) {
  settings.errors_max = 3;
  handler.answers["auth"] = reply(535, {5, 7, 8}, "no");
  const auto replies = replies_to(join({kAuthPlain, kAuthPlain, kAuthPlain, kAuthPlain}));
  EXPECT_THAT(replies, ElementsAre(StartsWith("535"), StartsWith("535"), StartsWith("535"),
                                   StartsWith("421 4.7.0")));
}

// The same conversation, whatever the pieces in which it comes.
TEST_F(AuthTest, IsNotOfferedToWhomHasIt) {
  const auto replies = replies_to(join({kAuthPlain, kEhlo, kQuit}));
  EXPECT_THAT(replies, Not(Contains(HasSubstr("AUTH"))));
}

}  // namespace
}  // namespace sluice::smtp
