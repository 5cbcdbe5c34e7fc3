#include "relay/reception.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "relay/envelope_codec.h"
#include "tests/unit/relay/reception_world.h"

namespace sluice::relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// One client of one listener.
class ReceptionTest : public testing::Test, protected ReceptionWorld {
 protected:
  // The client connects; `peer` decides what it may do.
  smtp::Reply connect(const char* peer = "127.0.0.1:40000",
                      Admission admission = Admission::welcome) {
    client_.peer = *Endpoint::parse(peer);
    apply_config();
    reception_.emplace(parts, std::size_t{0}, admission);
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
  void reset() { shard->run(reception_->on_reset()); }

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
    shard->run(keep(std::move(task), reply));
    return reply;
  }
  static Task<void> keep(Task<smtp::Reply> task, smtp::Reply& reply) { reply = co_await task; }

  smtp::ClientInfo client_{.peer = *Endpoint::parse("127.0.0.1:40000"),
                           .local = *Endpoint::parse("127.0.0.1:25"),
                           .hello = "client.example",
                           .is_extended = true};
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
  parts.is_stopping = true;
  EXPECT_THAT(connect().to_string(), StartsWith("421 4.3.2"));
}

TEST_F(ReceptionTest, KeepsAMessageAndSaysItsId) {
  connect();
  const auto reply = send("Subject: x\r\n\r\nbody\r\n");
  ASSERT_EQ(spool.accepted.size(), 1U);
  EXPECT_EQ(reply.to_string(), "250 2.0.0 Ok: queued as " + spool.accepted[0].id.to_string());
  EXPECT_EQ(spool.body, "Subject: x\r\n\r\nbody\r\n");
  EXPECT_EQ(metrics.messages_accepted.value(), 1U);
}

TEST_F(ReceptionTest, PutsATraceHeaderWithTheIdBeforeTheMessage) {
  connect();
  EXPECT_EQ(send("x\r\n").code, 250);
  const auto metadata = decode_message_metadata(spool.accepted.at(0).metadata);
  ASSERT_TRUE(metadata.has_value());
  EXPECT_THAT(metadata->trace_header, StartsWith("Received: "));
  EXPECT_THAT(metadata->trace_header, HasSubstr(spool.accepted[0].id.to_string()));
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
  const auto metadata = decode_message_metadata(spool.accepted.at(0).metadata);
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
  const auto& envelopes = spool.accepted.at(0).envelopes;
  ASSERT_EQ(envelopes.size(), 2U);
  EXPECT_EQ(envelopes[0].queue.name(), "example.org");
  EXPECT_EQ(envelopes[0].recipients, 2U);
  const auto metadata = decode_envelope_metadata(envelopes[0].metadata);
  ASSERT_TRUE(metadata.has_value());
  EXPECT_THAT(metadata->recipients, ElementsAre("a@Example.org", "c@example.org"));
  EXPECT_EQ(envelopes[1].queue.name(), "example.net");
}

TEST_F(ReceptionTest, SubmitsEveryEnvelopeAfterItsCommit) {
  connect();
  EXPECT_EQ(mail().code, 250);
  EXPECT_EQ(recipient("a", "example.org").code, 250);
  EXPECT_EQ(recipient("b", "example.net").code, 250);
  EXPECT_EQ(end().code, 250);
  ASSERT_EQ(submitted.size(), 2U);
  EXPECT_EQ(submitted[1].waiting.key.message, spool.accepted.at(0).id);
  EXPECT_EQ(submitted[1].waiting.key.ordinal, 1U);
  EXPECT_EQ(spool.queue_name(submitted[1].waiting.queue), "example.net");
  const EnvelopeMetadata second{.recipients = submitted[1].recipients, .unknown = {}};
  EXPECT_EQ(encode(second), spool.accepted[0].envelopes[1].metadata);
  EXPECT_EQ(encode(*submitted[1].message), spool.accepted[0].metadata);
}

TEST_F(ReceptionTest, ExpiresAsTheRetryScheduleSays) {
  config.retries[0].expire = std::chrono::hours(5);
  connect();
  EXPECT_EQ(send("x\r\n").code, 250);
  const auto& envelope = spool.accepted.at(0).envelopes.at(0);
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
  config.routes[0].domains = {"example.net"};
  connect();
  EXPECT_EQ(mail().code, 250);
  const auto reply = recipient("a", "Example.Org");
  EXPECT_THAT(reply.to_string(), StartsWith("550 5.7.1 "));
  EXPECT_THAT(reply.text, HasSubstr("[[route]]"));
}

TEST_F(ReceptionTest, RefusesAddressLiteralsWithoutARoute) {
  config.routes[0].domains = {"[192.0.2.8]"};
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
  spool.is_roomy = false;
  EXPECT_THAT(mail().to_string(), StartsWith("452 4.3.1"));
  spool.is_roomy = true;
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
  EXPECT_EQ(budget.used(), mebibytes(1));  // the rest is stored in parts
  reset();
  EXPECT_EQ(budget.used(), ByteCount(0));
}

TEST_F(ReceptionTest, RefusesWhatTheBudgetCannotHold) {
  const auto others = MemoryReservation::take(budget, mebibytes(2) - ByteCount(1000));
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
  EXPECT_EQ(budget.used(), ByteCount(400));
  EXPECT_EQ(end().code, 250);
  EXPECT_EQ(budget.used(), ByteCount(0));
}

struct FailureCase {
  ErrorCode code;
  const char* reply;
};

class ReceptionFailure : public ReceptionTest, public testing::WithParamInterface<FailureCase> {};

TEST_P(ReceptionFailure, OfTheBodyIsTold) {
  spool.append_failure.emplace(GetParam().code, "told to fail");
  connect();
  EXPECT_THAT(send("x\r\n").to_string(), StartsWith(GetParam().reply));
}

TEST_P(ReceptionFailure, OfTheCommitIsTold) {
  spool.accept_failure.emplace(GetParam().code, "told to fail");
  connect();
  EXPECT_THAT(send("x\r\n").to_string(), StartsWith(GetParam().reply));
  EXPECT_TRUE(submitted.empty());
  EXPECT_EQ(metrics.messages_accepted.value(), 0U);
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
  ASSERT_EQ(spool.accepted.size(), 1U);
  EXPECT_EQ(spool.body, "whole\r\n");
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
  shard->run(end_and_begin(*shard, *reception_, client_, ended));
  EXPECT_EQ(ended.code, 250);
  EXPECT_EQ(recipient("b", "example.net").code, 250);
  EXPECT_EQ(end().code, 250);
  ASSERT_EQ(spool.accepted.size(), 2U);
  const auto second = decode_message_metadata(spool.accepted[1].metadata);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->reverse_path, "second@example.com");
}

TEST_F(ReceptionTest, CountsARejectionByItsReason) {
  connect("192.0.2.1:40000");
  EXPECT_EQ(mail().code, 250);
  reception_->on_rejected(client_, "RCPT", recipient("a", "example.org"));
  const auto index = static_cast<std::size_t>(RejectionReason::relay_denied);
  EXPECT_EQ(metrics.rejections[index]->value(), 1U);
}

}  // namespace
}  // namespace sluice::relay
