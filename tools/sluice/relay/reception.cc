#include "relay/reception.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/assert.h"
#include "core/log.h"
#include "core/shard.h"
#include "relay/envelope_codec.h"
#include "smtp/ascii.h"
#include "smtp/received.h"

namespace sluice::relay {
namespace {

using smtp::Reply;

// RFC 5321 §4.2.3 and RFC 3463 §3. Texts tell the reader what to do.
Reply ok(smtp::EnhancedStatus status) { return smtp::reply(250, status, "Ok"); }

Reply no_storage() {
  return smtp::reply(452, {4, 3, 1}, "Insufficient system storage, try again later");
}

Reply message_too_large(std::uint64_t bytes_max) {
  return smtp::reply(552, {5, 3, 4},
                     fmt::format("Message too large: at most {} bytes are accepted", bytes_max));
}

Reply relay_denied() {
  return smtp::reply(550, {5, 7, 1},
                     "Relay access denied: your network is not among those that may relay here "
                     "(relay_networks)");
}

Reply no_route(const smtp::Address& recipient) {
  return smtp::reply(550, {5, 7, 1},
                     fmt::format("No route for {}: no [[route]] of this server has that domain",
                                 recipient.domain));
}

Reply storage_reply(const Error& error) {
  const bool is_full =
      error.code() == ErrorCode::storage_full || error.code() == ErrorCode::out_of_budget;
  if (is_full) return no_storage();
  return smtp::reply(451, {4, 3, 0}, "The message could not be stored, try again later");
}

bool is_postmaster(const smtp::Address& recipient) {
  return smtp::equal_ignoring_case(recipient.local_part, "postmaster");
}

// What goes before the local delivery that a relay does not have.
Reply no_local_delivery(const smtp::Address& recipient) {
  if (is_postmaster(recipient)) {
    return smtp::reply(550, {5, 1, 1}, "No local delivery here: write postmaster@your.domain");
  }
  return smtp::reply(550, {5, 1, 3}, "The recipient needs a domain: user@example.com");
}

Duration expiry_of(const RelayConfig& config) {
  for (const RetrySettings& retry : config.retries) {
    if (retry.klass == "bulk") return retry.expire;
  }
  return RetrySettings{}.expire;
}

}  // namespace

Reception::Reception(ReceptionParts& parts, const RelayPermission& permission, Admission admission)
    : parts_(parts), permission_(permission), admission_(admission) {
  SLUICE_ASSERT(admission != Admission::closed, "a connection closed at once has no session");
}

Reception::~Reception() {
  SLUICE_ASSERT(!has_body_begun(), "a session resets its transaction before it ends");
}

Task<Reply> Reception::on_connect(const smtp::ClientInfo& client) {
  may_relay_ = permission_.allows(client.peer.address) ? ClientMayRelay::yes : ClientMayRelay::no;
  if (admission_ == Admission::too_many_from_address) {
    co_return smtp::reply(421, {4, 7, 0}, "Too many connections from your address");
  }
  if (admission_ == Admission::too_many_connections) {
    co_return smtp::reply(421, {4, 7, 0}, "Too many connections, try again later");
  }
  if (parts_.is_stopping) {
    co_return smtp::reply(421, {4, 3, 2}, "This server is stopping, try again later");
  }
  co_return smtp::reply(220, {}, parts_.config.hostname + " ESMTP sluice");
}

Task<Reply> Reception::on_mail(const smtp::ClientInfo& client, const smtp::MailCommand& command) {
  co_return answer_mail(client, command);
}

Reply Reception::answer_mail(const smtp::ClientInfo& client, const smtp::MailCommand& command) {
  if (!parts_.spool.has_room()) return no_storage();

  // RFC 1870 §6.1: what is announced is judged before it is sent.
  const std::uint64_t bytes_max = parts_.config.limits.message_size.value();
  const std::uint64_t announced = command.size.value_or(0);
  if (announced > bytes_max) return message_too_large(bytes_max);
  const ByteCount in_memory(std::min<std::uint64_t>(announced, spool::kBodyPartBytes));
  auto reservation = MemoryReservation::take(parts_.budget, in_memory);
  if (!reservation) return no_storage();

  transaction_.emplace(Transaction{.client = client,
                                   .reverse_path = command.reverse_path.to_string(),
                                   .body_type = command.body,
                                   .reservation = std::move(*reservation),
                                   .recipients = {},
                                   .recipients_accepted = 0,
                                   .id = std::nullopt,
                                   .body = nullptr});
  return ok({2, 1, 0});
}

Task<Reply> Reception::on_recipient(const smtp::ClientInfo& /*client*/,
                                    const smtp::RecipientCommand& command) {
  co_return answer_recipient(command.recipient);
}

Reply Reception::answer_recipient(const smtp::Address& recipient) {
  SLUICE_ASSERT(transaction_.has_value(), "the session asks for MAIL before RCPT");
  if (may_relay_ == ClientMayRelay::no) return relay_denied();
  if (recipient.domain.empty()) return no_local_delivery(recipient);
  if (!parts_.has_route(recipient.domain_lower())) {
    const bool is_literal = recipient.domain.starts_with('[');
    if (is_literal) return smtp::reply(550, {5, 1, 2}, "Address literals are not relayed here");
    return no_route(recipient);
  }
  if (transaction_->recipients.add(recipient) == RecipientGroups::Added::too_many) {
    return smtp::reply(452, {4, 5, 3}, "Too many recipients");
  }
  transaction_->recipients_accepted = transaction_->recipients.recipient_count();
  return ok({2, 1, 5});
}

void Reception::begin_body() {
  SLUICE_ASSERT(transaction_.has_value(), "the session asks for MAIL before a message");
  SLUICE_ASSERT(!transaction_->id.has_value(), "a message begins once");
  SLUICE_ASSERT(transaction_->recipients.recipient_count() > 0, "the session asks for recipients");
  Shard& shard = parts_.shard;
  transaction_->id = parts_.ids.next(shard.clock().wall());
  transaction_->body = parts_.spool.begin_body(shard, *transaction_->id);
}

Task<Reply> Reception::on_body(std::string_view bytes) {
  if (!has_body_begun()) begin_body();
  transaction_->reservation.release(ByteCount(bytes.size()));
  auto appended = co_await transaction_->body->append(bytes);
  if (!appended) co_return storage_reply(appended.error());
  co_return Reply{.code = 250, .enhanced = {}, .text = {}};
}

Task<Reply> Reception::on_end() {
  if (!has_body_begun()) begin_body();
  // The next transaction may begin while this one waits for its commit.
  Transaction transaction = std::move(*transaction_);
  transaction_.reset();
  co_return co_await keep(std::move(transaction));
}

Task<Reply> Reception::keep(Transaction transaction) {
  const Instant began = parts_.shard.clock().now();
  const std::uint64_t bytes = transaction.body->size();
  Handover handover = hand_over(transaction);
  auto accepted = co_await parts_.spool.accept(parts_.shard, std::move(handover.message));
  if (!accepted) {
    SLUICE_LOG(error, "message_not_stored", {"client", transaction.client.peer.to_string()},
               {"error", accepted.error().sentence()});
    co_return storage_reply(accepted.error());
  }
  parts_.metrics.accept_seconds.observe(parts_.shard.clock().now() - began);
  count_accepted(transaction, bytes);
  for (FreshEnvelope& envelope : handover.envelopes) {
    envelope.body = accepted->body;
    parts_.submit(std::move(envelope));
  }
  co_return smtp::reply(250, {2, 0, 0}, "Ok: queued as " + transaction.id->to_string());
}

Reception::Handover Reception::hand_over(Transaction& transaction) {
  const spool::MessageId id = *transaction.id;
  const WallTime now = parts_.shard.clock().wall();
  const WallTime expiry = now + expiry_of(parts_.config);
  const auto message = std::make_shared<const MessageMetadata>(metadata_of(transaction, now));
  Handover handover{.message = {.id = id,
                                .metadata = encode(*message),
                                .envelopes = {},
                                .body = std::move(transaction.body)},
                    .envelopes = {}};
  for (RecipientGroup& group : transaction.recipients.take()) {
    const auto recipients = static_cast<std::uint16_t>(group.recipients.size());
    const auto ordinal = static_cast<std::uint16_t>(handover.envelopes.size());
    EnvelopeMetadata metadata{.recipients = std::move(group.recipients), .unknown = {}};
    // A queue without campaign and tenant has the plain name of its domain.
    const std::uint32_t queue = parts_.spool.queue_number(group.domain);
    handover.message.envelopes.push_back(spool::NewEnvelope{.queue = std::move(group.domain),
                                                            .metadata = encode(metadata),
                                                            .recipients = recipients,
                                                            .klass = 0,
                                                            .next_attempt = now,
                                                            .expiry = expiry});
    handover.envelopes.push_back(
        FreshEnvelope{.waiting = {.key = {.message = id, .ordinal = ordinal},
                                  .queue = queue,
                                  .next_attempt = now,
                                  .expiry = expiry,
                                  .attempts = 0,
                                  .recipients_pending = recipients,
                                  .klass = 0},
                      .message = message,
                      .recipients = std::move(metadata.recipients),
                      .body = nullptr});
  }
  return handover;
}

MessageMetadata Reception::metadata_of(const Transaction& transaction, WallTime now) const {
  const std::string id = transaction.id->to_string();
  const smtp::TraceFacts trace{.client = transaction.client,
                               .hostname = parts_.config.hostname,
                               .message_id = id,
                               .time = now};
  return MessageMetadata{.reverse_path = transaction.reverse_path,
                         .trace_header = smtp::received_field(trace),
                         .body_type = transaction.body_type,
                         .received = now,
                         .client = transaction.client.peer.address.to_string(),
                         .unknown = {}};
}

void Reception::count_accepted(const Transaction& transaction, std::uint64_t bytes) {
  ReceptionMetrics& metrics = parts_.metrics;
  metrics.messages_accepted.add();
  metrics.recipients_accepted.add(transaction.recipients_accepted);
  metrics.bytes_accepted.add(bytes);
  SLUICE_LOG(info, "message_received", {"id", transaction.id->to_string()},
             {"client", transaction.client.peer.address.to_string()},
             {"from", transaction.reverse_path}, {"recipients", transaction.recipients_accepted},
             {"bytes", bytes});
}

Task<void> Reception::on_reset() {
  transaction_.reset();
  co_return;
}

void Reception::on_rejected(const smtp::ClientInfo& client, std::string_view command,
                            const Reply& reply) {
  const RejectionReason reason = rejection_reason(reply, may_relay_);
  parts_.metrics.rejections[static_cast<std::size_t>(reason)]->add();
  SLUICE_LOG(info, "command_rejected", {"client", client.peer.to_string()}, {"hello", client.hello},
             {"command", command}, {"reason", name_of(reason)}, {"reply", reply.to_string()});
}

}  // namespace sluice::relay
