#include "relay/reception.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/assert.h"
#include "core/log.h"
#include "core/shard.h"
#include "relay/refusals.h"
#include "smtp/date.h"
#include "smtp/received.h"

namespace sluice::relay {
namespace {

using smtp::Reply;

// RFC 5321 §4.2.3 and RFC 3463 §3.
Reply ok(smtp::EnhancedStatus status) { return smtp::reply(250, status, "Ok"); }

Duration expiry_of(const RelayConfig& config, MessageClass klass) {
  return config.retries[static_cast<std::size_t>(klass)].expire;
}

// The name of his tenant, for as long as he is there; empty: he has none.
std::string_view tenant_of(const std::optional<Submitter>& submitter) {
  if (!submitter || submitter->tenant == nullptr) return {};
  return submitter->tenant->settings.name;
}

spool::Space space_of(MessageClass klass) {
  return klass == MessageClass::transactional ? spool::Space::reserved : spool::Space::ordinary;
}

}  // namespace

Reception::Reception(ReceptionParts& parts, std::size_t listener, Admission admission,
                     ClientIdentity identity)
    : parts_(parts),
      policy_(parts.policy),
      listener_(listener),
      admission_(admission),
      identity_(identity) {
  SLUICE_ASSERT(admission != Admission::closed, "a connection closed at once has no session");
}

Reception::~Reception() {
  SLUICE_ASSERT(!has_body_begun(), "a session resets its transaction before it ends");
}

Task<Reply> Reception::on_connect(const smtp::ClientInfo& client) {
  is_in_relay_networks_ =
      identity_ == ClientIdentity::known && listener().permission.allows(client.peer.address);
  if (admission_ == Admission::too_many_from_address) co_return too_many_from_address();
  if (admission_ == Admission::too_many_connections) co_return too_many_connections();
  if (admission_ == Admission::too_often) co_return connects_too_often();
  if (parts_.is_stopping) co_return server_is_stopping();
  co_return smtp::reply(220, {}, policy_->config().hostname + " ESMTP sluice");
}

Task<Reply> Reception::on_authenticate(const smtp::ClientInfo& client,
                                       const smtp::Credentials& credentials) {
  SLUICE_ASSERT(parts_.authenticator != nullptr, "AUTH is offered where users can log in");
  auto result = co_await parts_.authenticator->authenticate(credentials.user, credentials.password,
                                                            client.peer.address);
  if (result.user == nullptr) {
    co_return refuse(RejectionReason::authentication_failed, std::move(result.reply));
  }
  users_version_ = 0;
  const TenantEntry* const tenant = policy_->tenant(result.user->settings.tenant);
  submitter_ = Submitter{.user = std::move(result.user), .tenant = tenant};
  co_return std::move(result.reply);
}

void Reception::on_secured(const smtp::ClientInfo& /*client*/) { submitter_.reset(); }

Task<Reply> Reception::on_mail(const smtp::ClientInfo& client, const smtp::MailCommand& command) {
  co_return answer_mail(client, command);
}

Reply Reception::denied() const {
  const bool would_auth_help = listener().settings.auth != smtp::AuthPolicy::off;
  return would_auth_help ? authentication_required() : relay_denied();
}

// The user of an open session may have been changed, disabled or removed meanwhile, the tenant
// suspended.
Refusal Reception::check_submitter() {
  if (!submitter_) return std::nullopt;
  const std::uint64_t version = parts_.users->version();
  if (version != users_version_) {
    if (!parts_.users->is_current(*submitter_->user)) return user_vanished();
    users_version_ = version;
  }
  return check_tenant(*submitter_);
}

Reply Reception::answer_mail(const smtp::ClientInfo& client, const smtp::MailCommand& command) {
  const bool must_log_in = listener().settings.auth == smtp::AuthPolicy::required;
  if (must_log_in && !may_relay()) return authentication_required();
  if (auto refusal = check_submitter()) return *std::move(refusal);
  const RelayConfig& config = policy_->config();
  std::uint64_t bytes_max = config.limits.message_size.value();
  if (submitter_) {
    const User& user = *submitter_->user;
    if (auto refusal = check_reverse_path(user, command.reverse_path)) return *std::move(refusal);
    if (const auto& of_user = user.settings.message_size) {
      bytes_max = std::min(bytes_max, of_user->value());
    }
  }
  if (!parts_.spool.has_room(space_of(best_class(submitter_)))) return no_storage();

  // RFC 1870 §6.1: what is announced is judged before it is sent.
  const std::uint64_t announced = command.size.value_or(0);
  if (announced > bytes_max) return message_too_large(bytes_max);
  const ByteCount in_memory(std::min<std::uint64_t>(announced, spool::kBodyPartBytes));
  auto reservation = MemoryReservation::take(parts_.budget, in_memory);
  if (!reservation) return no_storage();

  transaction_.emplace(Transaction{.client = client,
                                   .reverse_path = command.reverse_path.to_string(),
                                   .body_type = command.body,
                                   .dsn = command.dsn,
                                   .reservation = std::move(*reservation),
                                   .submitter = submitter_,
                                   .hold = std::nullopt,
                                   .recipients = {},
                                   .recipients_accepted = 0,
                                   .bytes_max = bytes_max,
                                   .bytes_received = 0,
                                   .id = std::nullopt,
                                   .body = nullptr,
                                   .granted = {}});
  if (submitter_ && submitter_->tenant != nullptr) {
    transaction_->hold.emplace(*submitter_->tenant->state, submitter_->tenant->settings);
  }
  return ok({2, 1, 0});
}

Task<Reply> Reception::on_recipient(const smtp::ClientInfo& /*client*/,
                                    const smtp::RecipientCommand& command) {
  co_return answer_recipient(command);
}

Reply Reception::answer_recipient(const smtp::RecipientCommand& command) {
  SLUICE_ASSERT(transaction_.has_value(), "the session asks for MAIL before RCPT");
  const smtp::Address& recipient = command.recipient;
  if (!may_relay()) return denied();
  if (auto refusal = check_submitter()) return *std::move(refusal);
  if (recipient.domain.empty()) return no_local_delivery(recipient);
  if (!policy_->has_route(recipient.domain_lower(), tenant_of(submitter_))) {
    return recipient.domain.starts_with('[') ? literal_recipient() : no_route(recipient);
  }
  if (auto refusal = take_recipient(command)) return *std::move(refusal);
  transaction_->recipients_accepted = transaction_->recipients.recipient_count();
  return ok({2, 1, 5});
}

// Within the limits of the user and of his tenant.
Refusal Reception::take_recipient(const smtp::RecipientCommand& command) {
  std::size_t recipients_max = policy_->config().limits.recipients_per_message;
  if (submitter_) {
    const UserSettings& user = submitter_->user->settings;
    recipients_max = user.recipients_per_message.value_or(recipients_max);
    if (transaction_->recipients_accepted >= recipients_max) {
      return too_many_recipients(recipients_max);
    }
    const Instant now = parts_.shard.clock().now();
    RateCell* const rate = submitter_->user->accept_rate.get();
    if (rate != nullptr && !rate->try_take(now, 1)) return sends_too_fast(rate->wait(now));
  }
  auto& hold = transaction_->hold;
  if (hold && !hold->take_recipient(parts_.shard.clock().wall())) {
    return quota_used_up(submitter_->tenant->settings.quota->amount);
  }
  const auto added = transaction_->recipients.add(command);
  if (added != RecipientGroups::Added::yes && hold) hold->give_back_recipient();
  if (added == RecipientGroups::Added::too_many) return too_many_recipients(recipients_max);
  return std::nullopt;
}

void Reception::begin_body() {
  SLUICE_ASSERT(transaction_.has_value(), "the session asks for MAIL before a message");
  SLUICE_ASSERT(!transaction_->id.has_value(), "a message begins once");
  SLUICE_ASSERT(transaction_->recipients.recipient_count() > 0, "the session asks for recipients");
  Shard& shard = parts_.shard;
  const WallTime now = shard.clock().wall();
  transaction_->id = parts_.ids.next(now);
  transaction_->body = parts_.spool.begin_body(shard, *transaction_->id);
  is_header_judged_ = false;
  if (!transaction_->submitter) return header_.start(smtp::HeaderFixes::none);
  header_.start(smtp::HeaderFixes::submission);
  additions_ = {.date = smtp::format_date(now),
                .message_id = fmt::format("<{}@{}>", transaction_->id->to_string(),
                                          policy_->config().hostname)};
}

Task<Reply> Reception::on_body(std::string_view bytes) {
  if (!has_body_begun()) begin_body();
  transaction_->reservation.release(ByteCount(bytes.size()));
  transaction_->bytes_received += bytes.size();
  if (transaction_->bytes_received > transaction_->bytes_max) {
    co_return message_too_large(transaction_->bytes_max);
  }
  Passed passed = header_.consume(bytes, additions_);
  co_return co_await append(std::move(passed));
}

Task<Reply> Reception::append(Passed passed) {
  if (!passed) co_return refuse(RejectionReason::content, std::move(passed).error());
  if (auto refusal = judge_header()) co_return *std::move(refusal);
  for (const std::string_view piece : {passed->header, passed->rest}) {
    if (piece.empty()) continue;
    auto appended = co_await transaction_->body->append(piece);
    if (!appended) co_return storage_failed(appended.error());
  }
  co_return Reply{.code = 250, .enhanced = {}, .text = {}};
}

// Once, when its end has come.
Refusal Reception::judge_header() {
  if (is_header_judged_ || !header_.is_complete()) return std::nullopt;
  is_header_judged_ = true;
  const auto& submitter = transaction_->submitter;
  if (submitter) {
    if (auto refusal = check_from(*submitter->user, header_.from())) return refusal;
  }
  if (header_.sluice().empty() && !submitter) return std::nullopt;
  auto asked = smtp::read_sluice_headers(header_.sluice());
  if (!asked) return refuse(RejectionReason::content, std::move(asked).error());
  auto granted = grant(submitter, *std::move(asked));
  if (!granted) return std::move(granted).error();
  transaction_->granted = *std::move(granted);
  return std::nullopt;
}

Task<Reply> Reception::on_end() {
  if (!has_body_begun()) begin_body();
  Passed passed = header_.finish(additions_);
  Reply appended = co_await append(std::move(passed));
  if (!appended.is_positive()) {
    transaction_.reset();
    co_return appended;
  }
  // The next transaction may begin while this one waits for its commit.
  Transaction transaction = std::move(*transaction_);
  transaction_.reset();
  co_return co_await keep(std::move(transaction));
}

Task<Reply> Reception::keep(Transaction transaction) {
  const Instant began = parts_.shard.clock().now();
  const std::uint64_t bytes = transaction.body->size();
  const bool has_room = parts_.spool.has_room(space_of(transaction.granted.klass));
  if (!has_room) co_return no_storage();
  HandoverFacts facts = facts_of(transaction, parts_.shard.clock().wall());
  auto groups = transaction.recipients.take();
  Handover handover =
      make_handover(parts_.spool, std::move(facts), std::move(groups), std::move(transaction.body));
  auto& hold = transaction.hold;
  const std::uint64_t envelopes = handover.envelopes.size();
  if (hold && !hold->take_queued(envelopes, envelopes * handover.envelope_size)) {
    co_return tenant_queue_full();
  }
  if (hold) {
    if (auto entry = hold->ledger_entry()) handover.message.ledger.push_back(*std::move(entry));
  }
  auto accepted = co_await parts_.spool.accept(parts_.shard, std::move(handover.message));
  if (!accepted) {
    SLUICE_LOG(error, "message_not_stored", {"client", transaction.client.peer.to_string()},
               {"error", accepted.error().sentence()});
    co_return storage_failed(accepted.error());
  }
  if (hold) hold->keep();
  parts_.metrics.accept_seconds.observe(parts_.shard.clock().now() - began);
  count_accepted(transaction, bytes);
  for (FreshEnvelope& envelope : handover.envelopes) {
    envelope.body = accepted->body;
    parts_.submit(std::move(envelope));
  }
  co_return smtp::reply(250, {2, 0, 0}, "Ok: queued as " + transaction.id->to_string());
}

HandoverFacts Reception::facts_of(const Transaction& transaction, WallTime now) const {
  const RelayConfig& config = policy_->config();
  const std::string id = transaction.id->to_string();
  const bool hides_client = listener().received == ReceivedDetail::hide_client;
  const smtp::TraceFacts trace{
      .client = transaction.client,
      .hostname = config.hostname,
      .message_id = id,
      .time = now,
      .client_trace = hides_client ? smtp::ClientTrace::hidden : smtp::ClientTrace::full};
  const GrantedWishes& granted = transaction.granted;
  const Duration time =
      granted.expiry > Duration(0) ? granted.expiry : expiry_of(config, granted.klass);
  const auto& submitter = transaction.submitter;
  const bool has_tenant = submitter && submitter->tenant != nullptr;
  MessageMetadata metadata{.reverse_path = transaction.reverse_path,
                           .trace_header = smtp::received_field(trace),
                           .body_type = transaction.body_type,
                           .received = now,
                           .client = transaction.client.peer.address.to_string(),
                           .user = transaction.client.user,
                           .dsn = transaction.dsn,
                           .sender = granted.sender,
                           .unknown = {}};
  if (has_tenant) {
    Tenant& tenant = *submitter->tenant->state;
    metadata.sender.campaign = tenant.campaign(metadata.sender.campaign, now);
  }
  return HandoverFacts{.id = *transaction.id,
                       .metadata = std::move(metadata),
                       .klass = granted.klass,
                       .now = now,
                       .expiry = now + time,
                       .tenant = std::string(tenant_of(submitter))};
}

void Reception::count_accepted(const Transaction& transaction, std::uint64_t bytes) {
  ReceptionMetrics& metrics = parts_.metrics;
  metrics.messages_accepted.add();
  metrics.recipients_accepted.add(transaction.recipients_accepted);
  metrics.bytes_accepted.add(bytes);
  const auto& submitter = transaction.submitter;
  SLUICE_LOG(info, "message_received", {"id", transaction.id->to_string()},
             {"client", transaction.client.peer.address.to_string()},
             {"user", transaction.client.user},
             {"tenant", submitter ? submitter->user->settings.tenant : std::string()},
             {"from", transaction.reverse_path}, {"recipients", transaction.recipients_accepted},
             {"bytes", bytes});
}

Task<void> Reception::on_reset() {
  transaction_.reset();
  co_return;
}

void Reception::on_rejected(const smtp::ClientInfo& client, std::string_view command,
                            const Reply& reply) {
  const RejectionReason reason = rejection_reason(reply);
  parts_.metrics.rejections[static_cast<std::size_t>(reason)]->add();
  SLUICE_LOG(info, "command_rejected", {"client", client.peer.to_string()}, {"hello", client.hello},
             {"user", client.user},
             {"tenant", submitter_ ? submitter_->user->settings.tenant : std::string()},
             {"command", command}, {"reason", name_of(reason)}, {"reply", reply.to_string()});
}

}  // namespace sluice::relay
