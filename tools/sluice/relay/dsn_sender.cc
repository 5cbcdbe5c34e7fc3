#include "relay/dsn_sender.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "core/shard.h"
#include "relay/handover.h"
#include "smtp/address.h"
#include "smtp/ascii.h"

namespace sluice::relay {
namespace {

constexpr std::size_t kReversePathsMax = 100'000;
// What goes back whole where the sender asked for that; of more only the header does.
constexpr std::uint64_t kReturnedBytesMax = 64 * 1024;

const smtp::RecipientDsn& wish_of(const LoadedEnvelope& envelope, std::uint16_t position) {
  static const smtp::RecipientDsn kNone;
  const auto found = std::ranges::find(envelope.dsn, position, &PositionedDsn::position);
  return found == envelope.dsn.end() ? kNone : found->dsn;
}

// RFC 3461 §4.1: without NOTIFY, failures are told.
bool wants_failure(const smtp::RecipientDsn& wish) {
  return wish.notify == smtp::Notify::unset || has(wish.notify, smtp::Notify::failure);
}

// The name in "name[address]:port".
std::string host_name(const std::string& host) { return host.substr(0, host.find('[')); }

std::string text_of(const ByteChain& chain, std::size_t bytes_max) {
  std::string text;
  for (std::size_t i = 0; i < chain.piece_count() && text.size() < bytes_max; ++i) {
    text += chain.piece(i).substr(0, bytes_max - text.size());
  }
  return text;
}

}  // namespace

DsnLimits::DsnLimits(const Rate& rate)
    : most_(rate.amount), counts_(rate.period, kReversePathsMax) {}

bool DsnLimits::try_take(const std::string& reverse_path, Instant now) {
  const std::lock_guard lock(mutex_);
  AttemptCount& count = counts_.at(reverse_path, now);
  if (count.failures >= most_) return false;
  ++count.failures;
  return true;
}

DsnSender::DsnSender(Parts parts)
    : parts_(std::move(parts)),
      ids_(parts_.spool.partition_of(parts_.shard.id()), parts_.shard.id().value(),
           parts_.shard.random()) {}

bool DsnSender::may_report(const MessageMetadata& message) const {
  return !message.reverse_path.empty() && parts_.config()->dsn.failure;
}

Task<void> DsnSender::report(Facts facts, const AttemptResult& ended) {
  const LoadedEnvelope& envelope = facts.envelope;
  if (!may_report(*envelope.message)) co_return;
  Recipients recipients;
  for (const RecipientAttempt& recipient : ended.recipients) {
    const smtp::RecipientDsn& wish = wish_of(envelope, recipient.position);
    const bool has_failed = recipient.outcome == RecipientOutcome::failed;
    const bool is_relayed = recipient.outcome == RecipientOutcome::delivered &&
                            has(wish.notify, smtp::Notify::success) && !facts.peer_sends_dsn;
    if (!is_relayed && !(has_failed && wants_failure(wish))) continue;
    recipients.push_back(
        {.address = recipient.recipient,
         .original = wish.original_recipient,
         .action = has_failed ? smtp::ReportedAction::failed : smtp::ReportedAction::relayed,
         .status = smtp::status_of(recipient.reply),
         .remote = host_name(ended.host),
         .reply = recipient.reply.to_string()});
  }
  if (!recipients.empty()) co_await send(envelope, std::move(recipients));
}

Task<void> DsnSender::report_expired(const LoadedEnvelope& envelope, std::string trouble) {
  if (!may_report(*envelope.message)) co_return;
  const auto details = co_await parts_.spool.inspect(parts_.shard, envelope.waiting.key.message);
  spool::AttemptNote last{.time = WallTime(0), .host = {}, .source = {}, .reply = trouble};
  if (details) {
    for (const spool::EnvelopeDetails& detail : *details) {
      const bool is_it = detail.waiting.key == envelope.waiting.key && !detail.attempts.empty();
      if (is_it) last = detail.attempts.back();
    }
  }
  Recipients recipients;
  for (const std::uint16_t position : envelope.pending) {
    const smtp::RecipientDsn& wish = wish_of(envelope, position);
    if (!wants_failure(wish)) continue;
    recipients.push_back({.address = envelope.recipients[position],
                          .original = wish.original_recipient,
                          .status = {4, 4, 7},  // RFC 3463 §3.5: delivery time expired
                          .remote = host_name(last.host),
                          .reply = last.reply});
  }
  if (!recipients.empty()) co_await send(envelope, std::move(recipients));
}

Task<void> DsnSender::send(const LoadedEnvelope& envelope, Recipients recipients) {
  const std::string about = envelope.waiting.key.message.to_string();
  const std::string& reverse_path = envelope.message->reverse_path;
  if (!parts_.limits.try_take(reverse_path, parts_.shard.clock().now())) {
    parts_.metrics.dsn_suppressed.add();
    SLUICE_LOG(warning, "dsn_suppressed", {"about", about}, {"to", reverse_path},
               {"reason", "dsn.rate is used up for this reverse-path"});
    co_return;
  }
  const auto config = parts_.config();
  const WallTime now = parts_.shard.clock().wall();
  const spool::MessageId id = ids_.next(now);
  const std::string id_text = id.to_string();
  const std::size_t count = recipients.size();
  smtp::DeliveryReport report{.id = id_text,
                              .hostname = config->hostname,
                              .recipient = reverse_path,
                              .time = now,
                              .arrival = envelope.message->received,
                              .envelope_id = envelope.message->dsn.envelope_id,
                              .recipients = std::move(recipients)};
  co_await add_returned(envelope, report);
  auto stored = co_await store(envelope, report, id);
  if (!stored) {
    SLUICE_LOG(error, "dsn_not_stored", {"about", about}, {"to", reverse_path},
               {"error", stored.error().sentence()});
    co_return;
  }
  parts_.metrics.dsn_sent.add();
  SLUICE_LOG(info, "dsn_queued", {"id", id_text}, {"about", about}, {"to", reverse_path},
             {"recipients", count});
}

// RFC 3461 §6.2: the whole message where the sender asked for it in a report of failure, else its
// header.
Task<void> DsnSender::add_returned(const LoadedEnvelope& envelope, smtp::DeliveryReport& report) {
  const std::string& trace = envelope.message->trace_header;
  const bool has_failed = std::ranges::any_of(report.recipients, [](const auto& recipient) {
    return recipient.action == smtp::ReportedAction::failed;
  });
  const bool is_whole = has_failed && envelope.message->dsn.content == smtp::ReturnContent::full &&
                        envelope.body_bytes <= kReturnedBytesMax;
  const std::size_t most = is_whole ? kReturnedBytesMax : smtp::kReturnedHeaderBytesMax;
  std::string body = co_await read_body(envelope, most);
  if (body.empty() && envelope.body_bytes > 0) co_return;  // it cannot be read now
  report.returned_part = is_whole ? smtp::ReturnedPart::whole : smtp::ReturnedPart::headers;
  report.returned = trace;
  report.returned += is_whole ? std::string_view(body) : smtp::header_of(body);
}

// The beginning of the message; empty when it cannot be read.
Task<std::string> DsnSender::read_body(const LoadedEnvelope& envelope, std::size_t bytes_max) {
  if (envelope.body != nullptr && envelope.body_parts == 0) {
    co_return text_of(*envelope.body, bytes_max);
  }
  const spool::EnvelopeKey key = envelope.waiting.key;
  if (envelope.body_parts > 0) {
    auto part = co_await parts_.spool.read_part(parts_.shard, key, 0);
    co_return part ? text_of(**part, bytes_max) : std::string();
  }
  auto stored = co_await parts_.spool.read(parts_.shard, key, spool::ReadBody::yes);
  co_return stored && stored->body != nullptr ? text_of(*stored->body, bytes_max) : std::string();
}

Task<Result<void>> DsnSender::store(const LoadedEnvelope& envelope,
                                    const smtp::DeliveryReport& report, spool::MessageId id) {
  const auto config = parts_.config();
  const std::string text = smtp::write_delivery_report(report);
  auto body = parts_.spool.begin_body(parts_.shard, id);
  auto appended = co_await body->append(text);
  if (!appended) co_return appended;
  const std::string& reverse_path = envelope.message->reverse_path;
  RecipientGroup group{
      .domain = reverse_path.substr(reverse_path.rfind('@') + 1), .recipients = {}, .dsn = {}};
  std::ranges::transform(group.domain, group.domain.begin(), smtp::to_lower);
  group.recipients.push_back(reverse_path);
  // RFC 3461 §6: nobody is told of what becomes of a report.
  group.dsn.push_back({.position = 0, .dsn = {.notify = smtp::Notify::never}});
  std::vector<RecipientGroup> groups;
  groups.push_back(std::move(group));
  const auto klass = MessageClass::dsn;
  HandoverFacts facts{
      .id = id,
      .metadata = {.reverse_path = {},
                   .trace_header = {},
                   .body_type = smtp::is_ascii(text) ? smtp::BodyType::seven_bit
                                                     : smtp::BodyType::eight_bit_mime,
                   .received = report.time,
                   .client = {},
                   .unknown = {}},
      .klass = klass,
      .now = report.time,
      .expiry = report.time + config->retries[static_cast<std::size_t>(klass)].expire,
      .tenant = {}};
  Handover handover =
      make_handover(parts_.spool, std::move(facts), std::move(groups), std::move(body));
  handover.message.origin = spool::Origin::generated;
  auto accepted = co_await parts_.spool.accept(parts_.shard, std::move(handover.message));
  if (!accepted) co_return std::unexpected(std::move(accepted).error());
  for (FreshEnvelope& fresh : handover.envelopes) {
    fresh.body = accepted->body;
    parts_.submit(std::move(fresh));
  }
  co_return Result<void>();
}

}  // namespace sluice::relay
