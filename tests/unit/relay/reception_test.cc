#include "relay/reception.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "relay/envelope_codec.h"
#include "tests/unit/relay/fake_spool.h"

namespace sluice::relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// One client of one listener, before a spool and a dispatcher that only remember.
class ReceptionTest : public testing::Test {
 protected:
  ReceptionTest() {
    auto opened = Shard::open(ShardId(0), 1);
    EXPECT_TRUE(opened.has_value()) << opened.error().sentence();
    shard_ = *std::move(opened);
    config_.hostname = "relay.example";
    config_.limits.message_size = ByteCount(2'000'000);
    listener_.address.push_back(*Endpoint::parse("127.0.0.1:25"));
    ids_.emplace(spool::PartitionId{0}, std::uint16_t{0}, shard_->random());
    metrics_.emplace(shard_->metrics());
    parts_.reset(new ReceptionParts{
        .shard = *shard_,
        .config = config_,
        .spool = spool_,
        .ids = *ids_,
        .budget = budget_,
        .metrics = *metrics_,
        .has_route = [this](std::string_view domain) { return !unrouted_.contains(domain); },
        .submit = [this](FreshEnvelope envelope) { submitted_.push_back(std::move(envelope)); }});
  }

  // The client connects; `peer` decides what it may do.
  smtp::Reply connect(const char* peer = "127.0.0.1:40000",
                      Admission admission = Admission::welcome) {
    client_.peer = *Endpoint::parse(peer);
    permission_.emplace(listener_);
    reception_.emplace(*parts_, *permission_, admission);
    return run(reception_->on_connect(client_));
  }

  smtp::Reply mail(smtp::MailCommand command = {.reverse_path = {"sender", "example.com"},
                                                .size = std::nullopt}) {
    return run(reception_->on_mail(client_, command));
  }
  smtp::Reply recipient(std::string local_part, std::string domain) {
    const smtp::RecipientCommand command{{std::move(local_part), std::move(domain)}};
    return run(reception_->on_recipient(client_, command));
  }
  smtp::Reply body(std::string_view bytes) { return run(reception_->on_body(bytes)); }
  smtp::Reply end() { return run(reception_->on_end()); }
  void reset() { shard_->run(reception_->on_reset()); }

  // A whole transaction for one recipient.
  smtp::Reply send(std::string_view bytes) {
    EXPECT_EQ(mail().code, 250);
    EXPECT_EQ(recipient("a", "example.org").code, 250);
    if (const auto reply = body(bytes); !reply.is_positive()) {
      reset();
      return reply;
    }
    return end();
  }

  smtp::Reply run(Task<smtp::Reply> task) {
    smtp::Reply reply;
    shard_->run(keep(std::move(task), reply));
    return reply;
  }
  static Task<void> keep(Task<smtp::Reply> task, smtp::Reply& reply) { reply = co_await task; }

  std::unique_ptr<Shard> shard_;
  RelayConfig config_;
  ListenerSettings listener_;
  FakeSpool spool_;
  MemoryBudget budget_{mebibytes(2)};
  std::optional<spool::MessageIdSource> ids_;
  std::optional<ReceptionMetrics> metrics_;
  std::set<std::string, std::less<>> unrouted_;
  std::vector<FreshEnvelope> submitted_;
  std::unique_ptr<ReceptionParts> parts_;
  smtp::ClientInfo client_{.peer = *Endpoint::parse("127.0.0.1:40000"),
                           .local = *Endpoint::parse("127.0.0.1:25"),
                           .hello = "client.example",
                           .is_extended = true};
  std::optional<RelayPermission> permission_;
  std::optional<Reception> reception_;
};

TEST_F(ReceptionTest, GreetsWithItsName) {
  const auto reply = connect();
  EXPECT_EQ(reply.code, 220);
  EXPECT_THAT(reply.text, StartsWith("relay.example ESMTP"));
}

TEST_F(ReceptionTest, RefusesConnectionsPastTheLimits) {
  EXPECT_THAT(connect("127.0.0.1:1", Admission::too_many_from_address).to_string(),
              StartsWith("421 4.7.0"));
  EXPECT_THAT(connect("127.0.0.1:1", Admission::too_many_connections).to_string(),
              StartsWith("421 4.7.0"));
}

TEST_F(ReceptionTest, RefusesConnectionsWhileItStops) {
  parts_->is_stopping = true;
  EXPECT_THAT(connect().to_string(), StartsWith("421 4.3.2"));
}

TEST_F(ReceptionTest, KeepsAMessageAndSaysItsId) {
  connect();
  const auto reply = send("Subject: x\r\n\r\nbody\r\n");
  ASSERT_EQ(spool_.accepted.size(), 1U);
  EXPECT_EQ(reply.to_string(), "250 2.0.0 Ok: queued as " + spool_.accepted[0].id.to_string());
  EXPECT_EQ(spool_.body, "Subject: x\r\n\r\nbody\r\n");
  EXPECT_EQ(metrics_->messages_accepted.value(), 1U);
}

TEST_F(ReceptionTest, PutsATraceHeaderWithTheIdBeforeTheMessage) {
  connect();
  EXPECT_EQ(send("x\r\n").code, 250);
  const auto metadata = decode_message_metadata(spool_.accepted.at(0).metadata);
  ASSERT_TRUE(metadata.has_value());
  EXPECT_THAT(metadata->trace_header, StartsWith("Received: "));
  EXPECT_THAT(metadata->trace_header, HasSubstr(spool_.accepted[0].id.to_string()));
  EXPECT_EQ(metadata->reverse_path, "sender@example.com");
  EXPECT_EQ(metadata->client, "127.0.0.1");
}

TEST_F(ReceptionTest, RemembersThatABodyWasDeclaredEightBit) {
  connect();
  EXPECT_EQ(mail({.reverse_path = {"s", "example.com"},
                  .size = std::nullopt,
                  .body = smtp::BodyType::eight_bit_mime})
                .code,
            250);
  EXPECT_EQ(recipient("a", "example.org").code, 250);
  EXPECT_EQ(end().code, 250);
  const auto metadata = decode_message_metadata(spool_.accepted.at(0).metadata);
  ASSERT_TRUE(metadata.has_value());
  EXPECT_EQ(metadata->body_type, smtp::BodyType::eight_bit_mime);
}

TEST_F(ReceptionTest, MakesAnEnvelopeOfEachDomain) {
  connect();
  EXPECT_EQ(mail().code, 250);
  EXPECT_EQ(recipient("a", "Example.org").code, 250);
  EXPECT_EQ(recipient("b", "example.net").code, 250);
  EXPECT_EQ(recipient("c", "example.org").code, 250);
  EXPECT_EQ(recipient("c", "EXAMPLE.ORG").code, 250);  // twice, kept once
  EXPECT_EQ(end().code, 250);
  const auto& envelopes = spool_.accepted.at(0).envelopes;
  ASSERT_EQ(envelopes.size(), 2U);
  EXPECT_EQ(envelopes[0].queue, "example.org");
  EXPECT_EQ(envelopes[0].recipients, 2U);
  const auto metadata = decode_envelope_metadata(envelopes[0].metadata);
  ASSERT_TRUE(metadata.has_value());
  EXPECT_THAT(metadata->recipients, ElementsAre("a@Example.org", "c@example.org"));
  EXPECT_EQ(envelopes[1].queue, "example.net");
}

TEST_F(ReceptionTest, SubmitsEveryEnvelopeAfterItsCommit) {
  connect();
  EXPECT_EQ(mail().code, 250);
  EXPECT_EQ(recipient("a", "example.org").code, 250);
  EXPECT_EQ(recipient("b", "example.net").code, 250);
  EXPECT_EQ(end().code, 250);
  ASSERT_EQ(submitted_.size(), 2U);
  EXPECT_EQ(submitted_[1].waiting.key.message, spool_.accepted.at(0).id);
  EXPECT_EQ(submitted_[1].waiting.key.ordinal, 1U);
  EXPECT_EQ(spool_.queue_name(submitted_[1].waiting.queue), "example.net");
  const EnvelopeMetadata second{.recipients = submitted_[1].recipients, .unknown = {}};
  EXPECT_EQ(encode(second), spool_.accepted[0].envelopes[1].metadata);
  EXPECT_EQ(encode(*submitted_[1].message), spool_.accepted[0].metadata);
}

TEST_F(ReceptionTest, ExpiresAsTheRetryScheduleSays) {
  config_.retries.push_back(RetrySettings{.expire = std::chrono::hours(5)});
  connect();
  EXPECT_EQ(send("x\r\n").code, 250);
  const auto& envelope = spool_.accepted.at(0).envelopes.at(0);
  EXPECT_EQ(envelope.expiry - envelope.next_attempt, std::chrono::hours(5));
}

TEST_F(ReceptionTest, DeniesRelayForStrangersAtTheRecipient) {
  connect("192.0.2.1:40000");
  EXPECT_EQ(mail().code, 250);
  EXPECT_THAT(recipient("a", "example.org").to_string(),
              StartsWith("550 5.7.1 Relay access denied"));
  EXPECT_THAT(recipient("postmaster", "").to_string(), StartsWith("550 5.7.1"));
}

TEST_F(ReceptionTest, NamesTheMissingRoute) {
  unrouted_.insert("example.org");
  connect();
  EXPECT_EQ(mail().code, 250);
  const auto reply = recipient("a", "Example.Org");
  EXPECT_THAT(reply.to_string(), StartsWith("550 5.7.1 "));
  EXPECT_THAT(reply.text, HasSubstr("[[route]]"));
}

TEST_F(ReceptionTest, RefusesAddressLiteralsWithoutARoute) {
  unrouted_.insert("[192.0.2.7]");
  connect();
  EXPECT_EQ(mail().code, 250);
  EXPECT_THAT(recipient("a", "[192.0.2.7]").to_string(), StartsWith("550 5.1.2"));
  EXPECT_EQ(recipient("a", "[192.0.2.8]").code, 250);
}

TEST_F(ReceptionTest, HasNoLocalDelivery) {
  connect();
  EXPECT_EQ(mail().code, 250);
  EXPECT_THAT(recipient("PostMaster", "").to_string(), StartsWith("550 5.1.1"));
  EXPECT_THAT(recipient("root", "").to_string(), StartsWith("550 5.1.3"));
}

TEST_F(ReceptionTest, RefusesMailWithoutRoom) {
  connect();
  spool_.is_roomy = false;
  EXPECT_THAT(mail().to_string(), StartsWith("452 4.3.1"));
  spool_.is_roomy = true;
  EXPECT_EQ(mail().code, 250);
}

smtp::MailCommand announced(std::uint64_t bytes) {
  return {.reverse_path = {"s", "example.com"}, .size = bytes};
}

TEST_F(ReceptionTest, RefusesAnAnnouncedSizePastTheLimit) {
  connect();
  EXPECT_EQ(mail(announced(2'000'000)).code, 250);
  reset();
  EXPECT_THAT(mail(announced(2'000'001)).to_string(), StartsWith("552 5.3.4"));
}

TEST_F(ReceptionTest, ReservesWhatWillLieInMemory) {
  connect();
  EXPECT_EQ(mail(announced(1'900'000)).code, 250);
  EXPECT_EQ(budget_.used(), mebibytes(1));  // the rest is stored in parts
  reset();
  EXPECT_EQ(budget_.used(), ByteCount(0));
}

TEST_F(ReceptionTest, RefusesWhatTheBudgetCannotHold) {
  const auto others = MemoryReservation::take(budget_, mebibytes(2) - ByteCount(1000));
  connect();
  EXPECT_EQ(mail(announced(1000)).code, 250);
  reset();
  EXPECT_THAT(mail(announced(1001)).to_string(), StartsWith("452 4.3.1"));
}

TEST_F(ReceptionTest, GivesTheReservationBackAsTheBodyComes) {
  connect();
  EXPECT_EQ(mail(announced(1000)).code, 250);
  EXPECT_EQ(recipient("a", "example.org").code, 250);
  EXPECT_EQ(body(std::string(600, 'x')).code, 250);
  EXPECT_EQ(budget_.used(), ByteCount(400));
  EXPECT_EQ(end().code, 250);
  EXPECT_EQ(budget_.used(), ByteCount(0));
}

struct FailureCase {
  ErrorCode code;
  const char* reply;
};

class ReceptionFailure : public ReceptionTest, public testing::WithParamInterface<FailureCase> {};

TEST_P(ReceptionFailure, OfTheBodyIsTold) {
  spool_.append_failure.emplace(GetParam().code, "told to fail");
  connect();
  EXPECT_THAT(send("x\r\n").to_string(), StartsWith(GetParam().reply));
}

TEST_P(ReceptionFailure, OfTheCommitIsTold) {
  spool_.accept_failure.emplace(GetParam().code, "told to fail");
  connect();
  EXPECT_THAT(send("x\r\n").to_string(), StartsWith(GetParam().reply));
  EXPECT_TRUE(submitted_.empty());
  EXPECT_EQ(metrics_->messages_accepted.value(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Cases, ReceptionFailure,
                         testing::Values(FailureCase{ErrorCode::storage_full, "452 4.3.1"},
                                         FailureCase{ErrorCode::out_of_budget, "452 4.3.1"},
                                         FailureCase{ErrorCode::storage_failed, "451 4.3.0"}),
                         [](const auto& row) { return std::string(name_of(row.param.code)); });

TEST_F(ReceptionTest, AResetVoidsWhatCame) {
  connect();
  EXPECT_EQ(mail().code, 250);
  EXPECT_EQ(recipient("a", "example.org").code, 250);
  EXPECT_EQ(body("half a mess").code, 250);
  reset();
  EXPECT_EQ(send("whole\r\n").code, 250);
  ASSERT_EQ(spool_.accepted.size(), 1U);
  EXPECT_EQ(spool_.body, "whole\r\n");
}

Task<void> store(Task<smtp::Reply> task, smtp::Reply& reply) { reply = co_await task; }

// The first message waits for its commit while the second transaction begins.
Task<void> end_and_begin(Shard& shard, Reception& reception, smtp::ClientInfo& client,
                         smtp::Reply& ended) {
  TaskScope scope(shard.run_queue());
  scope.spawn(store(reception.on_end(), ended));
  const smtp::MailCommand second{.reverse_path = {"second", "example.com"}, .size = std::nullopt};
  auto begun = co_await reception.on_mail(client, second);
  EXPECT_EQ(begun.code, 250);
  EXPECT_EQ(ended.code, 0);
  co_await scope.join();
}

TEST_F(ReceptionTest, BeginsTheNextTransactionWhileOneWaitsForItsCommit) {
  connect();
  EXPECT_EQ(mail().code, 250);
  EXPECT_EQ(recipient("a", "example.org").code, 250);
  smtp::Reply ended;
  shard_->run(end_and_begin(*shard_, *reception_, client_, ended));
  EXPECT_EQ(ended.code, 250);
  EXPECT_EQ(recipient("b", "example.net").code, 250);
  EXPECT_EQ(end().code, 250);
  ASSERT_EQ(spool_.accepted.size(), 2U);
  const auto second = decode_message_metadata(spool_.accepted[1].metadata);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->reverse_path, "second@example.com");
}

TEST_F(ReceptionTest, CountsARejectionByItsReason) {
  connect("192.0.2.1:40000");
  reception_->on_rejected(client_, "RCPT", smtp::reply(550, {5, 7, 1}, "Relay access denied"));
  const auto index = static_cast<std::size_t>(RejectionReason::relay_denied);
  EXPECT_EQ(metrics_->rejections[index]->value(), 1U);
}

}  // namespace
}  // namespace sluice::relay
