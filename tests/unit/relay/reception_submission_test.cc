// Reception of a user who logged in: his rights and the limits of his tenant, in one transaction.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "relay/envelope_codec.h"
#include "relay/logins.h"
#include "relay/reception.h"
#include "tests/unit/relay/reception_world.h"

namespace sluice::relay {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kMessage = "From: a@acme.example\r\nSubject: x\r\n\r\nbody\r\n";

class ReceptionOfUsers : public testing::Test, protected ReceptionWorld {
 protected:
  ReceptionOfUsers() {
    listener.auth = smtp::AuthPolicy::required;
    listener.auth_without_tls = true;
    listener.relay_networks = std::vector<IpNetwork>();
    config.authentication.failure_delay = Duration(0);
    user.name = "apikey";
    user.hash.push_back(*PasswordHash::make(Secret(std::string("open sesame")),
                                            {.memory_kib = 8, .passes = 1, .lanes = 1}));
    user.tenant = "acme";
    user.senders.push_back(*SenderPattern::parse("*@acme.example"));
    tenant.name = "acme";
  }
  ~ReceptionOfUsers() override { reception_.reset(); }

  // The user and the tenant as they are now; then he logs in.
  int log_in(const std::string& password = "open sesame") {
    config.tenants.assign(1, tenant);
    apply_config();
    logins_ = std::make_unique<Logins>(config, *UserDirectory::open({user}, ""));
    login_metrics_.emplace(shard->metrics());
    authenticator_.emplace(AuthenticatorParts{.shard = *shard,
                                              .users = *logins_->users,
                                              .remembered = logins_->remembered,
                                              .hashing = logins_->hashing,
                                              .limits = logins_->limits,
                                              .metrics = *login_metrics_});
    parts.users = logins_->users.get();
    parts.authenticator = &*authenticator_;
    reception_.emplace(parts, std::size_t{0}, Admission::welcome);
    EXPECT_EQ(run(reception_->on_connect(client_)).code, 220);
    smtp::Credentials credentials;
    credentials.user = "apikey";
    credentials.password = Secret(std::string(password));
    const int code = run(reception_->on_authenticate(client_, credentials)).code;
    if (code == 235) client_.user = "apikey";
    return code;
  }

  std::string mail(const std::string& local = "a", const std::string& domain = "acme.example") {
    const smtp::MailCommand command{.reverse_path = {local, domain}, .size = std::nullopt};
    return run(reception_->on_mail(client_, command)).to_string();
  }
  std::string recipient(const std::string& domain = "example.org") {
    const smtp::RecipientCommand command{{"b", domain}};
    return run(reception_->on_recipient(client_, command)).to_string();
  }
  std::string body(std::string_view bytes) { return run(reception_->on_body(bytes)).to_string(); }
  std::string end() { return run(reception_->on_end()).to_string(); }
  void reset() { shard->run(reception_->on_reset()); }

  // A whole transaction for one recipient; the reply that decided it.
  std::string send(std::string_view message = kMessage) {
    if (std::string reply = mail(); !reply.starts_with("250")) return reply;
    std::string reply = recipient();
    if (reply.starts_with("250")) reply = body(message);
    if (reply.starts_with("250")) return end();
    reset();
    return reply;
  }

  smtp::Reply run(Task<smtp::Reply> task) {
    smtp::Reply reply;
    shard->run(keep(std::move(task), reply));
    return reply;
  }
  static Task<void> keep(Task<smtp::Reply> task, smtp::Reply& reply) { reply = co_await task; }

  MessageMetadata kept(std::size_t index = 0) {
    return *decode_message_metadata(spool.accepted.at(index).metadata);
  }

  UserSettings user;
  TenantSettings tenant;
  smtp::ClientInfo client_{.peer = *Endpoint::parse("192.0.2.1:40000"),
                           .local = *Endpoint::parse("127.0.0.1:25"),
                           .hello = "client.example",
                           .is_extended = true};
  std::unique_ptr<Logins> logins_;
  std::optional<LoginMetrics> login_metrics_;
  std::optional<Authenticator> authenticator_;
  std::optional<Reception> reception_;
};

TEST_F(ReceptionOfUsers, NobodySendsWithoutAPassword) {
  EXPECT_EQ(log_in("open sesam"), 535);
  EXPECT_THAT(mail(), StartsWith("530 5.7.0 "));
  listener.auth = smtp::AuthPolicy::optional;
  EXPECT_EQ(log_in("open sesam"), 535);
  EXPECT_THAT(mail(), StartsWith("250 "));
  EXPECT_THAT(recipient(), StartsWith("530 5.7.0 "));
}

TEST_F(ReceptionOfUsers, AUsersMailBearsHisNameAndHisTenants) {
  ASSERT_EQ(log_in(), 235);
  EXPECT_THAT(send(), StartsWith("250 2.0.0 "));
  EXPECT_EQ(kept().user, "apikey");
  EXPECT_EQ(spool.accepted.at(0).envelopes.at(0).queue.name(), "acme@example.org");
}

TEST_F(ReceptionOfUsers, WhatIsSubmittedIsMadeWhole) {
  ASSERT_EQ(log_in(), 235);
  EXPECT_THAT(send("From: a@acme.example\r\nBcc: c@example.org\r\nX-Sluice-Tags: one\r\n\r\nx\r\n"),
              StartsWith("250 2.0.0 "));
  EXPECT_THAT(spool.body, HasSubstr("Date: "));
  EXPECT_THAT(spool.body, HasSubstr("Message-ID: <"));
  EXPECT_THAT(spool.body, Not(HasSubstr("Bcc:")));
  EXPECT_THAT(spool.body, Not(HasSubstr("X-Sluice")));
  EXPECT_THAT(kept().sender.tags, testing::ElementsAre("one"));
}

TEST_F(ReceptionOfUsers, SendersAreHisOwn) {
  ASSERT_EQ(log_in(), 235);
  EXPECT_THAT(mail("a", "other.example"), StartsWith("550 5.7.1 "));
  EXPECT_THAT(mail("", ""), StartsWith("550 5.7.1 "));
  EXPECT_THAT(send("From: a@other.example\r\n\r\nx\r\n"), StartsWith("550 5.7.1 "));
  EXPECT_TRUE(spool.accepted.empty());
}

TEST_F(ReceptionOfUsers, HisLargestMessageIsCountedThoughItWasNotAnnounced) {
  user.message_size = ByteCount(kMessage.size());
  ASSERT_EQ(log_in(), 235);
  EXPECT_THAT(send(), StartsWith("250 2.0.0 "));
  EXPECT_THAT(send(std::string(kMessage) + "x"), StartsWith("552 5.3.4 "));
  EXPECT_EQ(spool.accepted.size(), 1U);
  EXPECT_EQ(budget.used(), ByteCount(0));
}

TEST_F(ReceptionOfUsers, TheNodesLargestMessageHoldsForEveryUser) {
  user.message_size = config.limits.message_size + ByteCount(1);
  ASSERT_EQ(log_in(), 235);
  const smtp::MailCommand command{.reverse_path = {"a", "acme.example"},
                                  .size = config.limits.message_size.value() + 1};
  EXPECT_EQ(run(reception_->on_mail(client_, command)).code, 552);
}

TEST_F(ReceptionOfUsers, HisRecipientsOfOneMessageAreBounded) {
  user.recipients_per_message = 2;
  ASSERT_EQ(log_in(), 235);
  mail();
  EXPECT_THAT(recipient("one.example"), StartsWith("250 "));
  EXPECT_THAT(recipient("two.example"), StartsWith("250 "));
  EXPECT_THAT(recipient("three.example"), StartsWith("452 4.5.3 "));
}

TEST_F(ReceptionOfUsers, HisRateIsBounded) {
  user.accept_rate = Rate{.amount = 10, .period = std::chrono::hours(1), .max_burst = 2};
  ASSERT_EQ(log_in(), 235);
  mail();
  EXPECT_THAT(recipient("one.example"), StartsWith("250 "));
  EXPECT_THAT(recipient("two.example"), StartsWith("250 "));
  EXPECT_THAT(recipient("three.example"), StartsWith("450 4.7.1 "));
}

TEST_F(ReceptionOfUsers, TheQuotaCountsWhatIsKeptAndNotWhatIsReset) {
  tenant.quota = Rate{.amount = 2, .period = std::chrono::hours(24), .max_burst = std::nullopt};
  ASSERT_EQ(log_in(), 235);
  mail();
  EXPECT_THAT(recipient("one.example"), StartsWith("250 "));
  EXPECT_THAT(recipient("two.example"), StartsWith("250 "));
  EXPECT_THAT(recipient("three.example"), StartsWith("452 4.5.3 "));
  reset();
  EXPECT_THAT(send(), StartsWith("250 "));
  EXPECT_THAT(send(), StartsWith("250 "));
  EXPECT_THAT(send(), StartsWith("452 4.5.3 "));
  ASSERT_EQ(spool.accepted.size(), 2U);
  EXPECT_EQ(spool.accepted[1].ledger.size(), 1U);
}

TEST_F(ReceptionOfUsers, WhatCouldNotBeStoredCountsForNothing) {
  tenant.quota = Rate{.amount = 1, .period = std::chrono::hours(24), .max_burst = std::nullopt};
  tenant.queued = 1;
  ASSERT_EQ(log_in(), 235);
  spool.accept_failure.emplace(ErrorCode::storage_failed, "told to fail");
  EXPECT_THAT(send(), StartsWith("451 4.3.0 "));
  spool.accept_failure.reset();
  EXPECT_THAT(send(), StartsWith("250 "));
  EXPECT_THAT(send(), StartsWith("452 4.5.3 "));
}

TEST_F(ReceptionOfUsers, TheTenantsQueueIsBounded) {
  tenant.queued = 1;
  ASSERT_EQ(log_in(), 235);
  EXPECT_THAT(send(), StartsWith("250 "));
  EXPECT_THAT(send(), StartsWith("452 4.3.1 "));
}

TEST_F(ReceptionOfUsers, ASuspensionBitesInTheMiddleOfATransaction) {
  ASSERT_EQ(log_in(), 235);
  EXPECT_THAT(mail(), StartsWith("250 "));
  tenants.tenant("acme").set_suspended(TenantPart::reception, true);
  EXPECT_THAT(recipient(), StartsWith("450 4.7.1 "));
  reset();
  EXPECT_THAT(mail(), StartsWith("450 4.7.1 "));
  tenants.tenant("acme").set_suspended(TenantPart::reception, false);
  EXPECT_THAT(send(), StartsWith("250 "));
}

TEST_F(ReceptionOfUsers, AUserWhoIsGoneIsSentAway) {
  ASSERT_EQ(log_in(), 235);
  EXPECT_THAT(send(), StartsWith("250 "));
  UserSettings disabled = user;
  disabled.enabled = false;
  ASSERT_TRUE(logins_->users->replace_configured({disabled}).has_value());
  EXPECT_THAT(mail(), StartsWith("421 4.7.0 "));
}

TEST_F(ReceptionOfUsers, StartTlsForgetsWhoHeWas) {
  ASSERT_EQ(log_in(), 235);
  reception_->on_secured(client_);
  EXPECT_THAT(mail(), StartsWith("530 5.7.0 "));
}

TEST_F(ReceptionOfUsers, TheReserveIsForTransactionalMail) {
  spool.is_ordinary_roomy = false;
  ASSERT_EQ(log_in(), 235);
  EXPECT_THAT(mail(), StartsWith("452 4.3.1 "));
  user.classes = {"transactional"};
  ASSERT_EQ(log_in(), 235);
  EXPECT_THAT(send(), StartsWith("452 4.3.1 "));  // it claims no class
  EXPECT_THAT(send("X-Sluice-Class: transactional\r\n" + std::string(kMessage)),
              StartsWith("250 2.0.0 "));
}

}  // namespace
}  // namespace sluice::relay
