#include "relay/site_delivery.h"

#include <utility>

#include "core/log.h"

namespace sluice::relay {
namespace {

// Envelopes that a shard keeps ready for a connection that is still being opened.
constexpr std::uint32_t kReadyForOpening = 8;
constexpr Duration kNoMemoryWait = std::chrono::seconds(1);
constexpr Duration kUnreadableWait = std::chrono::seconds(60);

}  // namespace

SiteDelivery::SiteDelivery(const SiteDeliveryParts& parts)
    : parts_(parts),
      shard_(parts.pool.shard),
      scope_(shard_.run_queue()),
      pool_(parts.pool, [this] { pump(); }) {}

void SiteDelivery::submit(LoadedEnvelope envelope) {
  const bool may_send = !is_stopping_ && !parts_.pool.site.home_waits.load() && loaded_.empty();
  if (may_send) {
    if (PooledConnection* connection = pool_.free_connection()) {
      return begin(std::move(envelope), *connection);
    }
    if (pool_.open_one()) {
      loaded_.push_back(std::move(envelope));
      return;
    }
  }
  QueuedRecord record{.waiting = envelope.waiting};
  if (!is_stopping_ && parts_.kept.keep(envelope, shard_.clock().now())) {
    record.origin = origin_here();
  }
  parts_.give_back(Returned{.record = record, .wait = Duration(0)});
}

void SiteDelivery::take(const std::vector<QueuedRecord>& granted) {
  for (const QueuedRecord& record : granted) {
    if (asked_ > 0) --asked_;
    if (record.origin == origin_here() && !is_stopping_) {
      if (auto kept = parts_.kept.take(record.waiting.key)) {
        keep_loaded(*std::move(kept));
        continue;
      }
    }
    ++loading_;
    scope_.spawn(load(record));
  }
  if (!loaded_.empty()) pump();
}

// Room is every free slot, and what a connection that may yet be opened would take at once.
void SiteDelivery::offer_room() {
  if (is_stopping_ || !parts_.pool.site.home_waits.load()) return;
  std::uint32_t room = pool_.free_slots();
  if (pool_.opening() > 0 || pool_.may_open()) room += kReadyForOpening;
  const std::size_t taken = loaded_.size() + lone_.size() + loading_ + asked_;
  if (room <= taken) return;
  const auto wanted = static_cast<std::uint32_t>(room - taken);
  asked_ += wanted;
  parts_.want(wanted);
}

void SiteDelivery::expire(spool::WaitingEnvelope waiting) { scope_.spawn(end_expired(waiting)); }

void SiteDelivery::fail(spool::WaitingEnvelope waiting, smtp::Reply reply) {
  scope_.spawn(end_failed(waiting, std::move(reply)));
}

bool SiteDelivery::is_idle() const {
  return pool_.empty() && loaded_.empty() && lone_.empty() && loading_ == 0 && scope_.size() == 0;
}

// Gives every free slot its envelope; opens a connection where some are left.
void SiteDelivery::pump() {
  if (!is_stopping_) pump_lone();
  while (!loaded_.empty() && !is_stopping_) {
    PooledConnection* connection = pool_.free_connection();
    if (connection == nullptr) break;
    LoadedEnvelope envelope = std::move(loaded_.front());
    loaded_.pop_front();
    begin(std::move(envelope), *connection);
  }
  const bool is_short = loaded_.size() + lone_.size() > pool_.opening();
  if (is_short && !is_stopping_) pool_.open_one();
  if (pool_.empty()) return_unsent();
  offer_room();
}

// First, so that the connection that is kept free for them is not taken by others.
void SiteDelivery::pump_lone() {
  while (!lone_.empty()) {
    PooledConnection* connection = pool_.lone_connection();
    if (connection == nullptr) return;
    LoadedEnvelope envelope = std::move(lone_.front());
    lone_.pop_front();
    begin(std::move(envelope), *connection);
  }
}

void SiteDelivery::keep_loaded(LoadedEnvelope envelope) {
  (envelope.goes_alone ? lone_ : loaded_).push_back(std::move(envelope));
}

void SiteDelivery::return_unsent() {
  for (auto* envelopes : {&lone_, &loaded_}) {
    for (const LoadedEnvelope& envelope : std::exchange(*envelopes, {})) {
      const QueuedRecord record{.waiting = envelope.waiting, .goes_alone = envelope.goes_alone};
      parts_.give_back(Returned{.record = record, .wait = Duration(0)});
    }
  }
}

void SiteDelivery::begin(LoadedEnvelope envelope, PooledConnection& connection) {
  pool_.begin_attempt(connection);
  scope_.spawn(attempt(std::move(envelope), connection));
}

Task<void> SiteDelivery::attempt(LoadedEnvelope envelope, PooledConnection& connection) {
  InFlight::Entry entry(in_flight_, envelope.waiting);
  entry.set_host(&connection.host_name);
  parts_.pool.metrics.in_flight.add(1);
  AttemptResult result{.key = envelope.waiting.key,
                       .recipients = {},
                       .counts = AttemptCounts::no,
                       .route = parts_.pool.site.name(),
                       .host = connection.host_name,
                       .tls = connection.tls};
  while (!envelope.pending.empty()) {
    // Outcomes of a transaction do not wait for the next one: a crash would send it all again.
    co_await record_ended(result, envelope, connection);
    auto part = co_await deliver_some(shard_, parts_.spool, *connection.session, envelope);
    if (is_served(part)) pool_.note_served(connection);
    merge(std::move(part), result);
  }
  parts_.pool.metrics.in_flight.add(-1);
  if (result.lockout.code != 0) pool_.retire_locked_out(connection, result.lockout);
  if (result.is_throttled) connection.session->limit_depth(1);
  entry.set_host(nullptr);
  const DsnSender::Facts facts{.envelope = envelope,
                               .peer_sends_dsn = connection.session->extensions().dsn};
  pool_.end_attempt(connection);
  co_await parts_.dsn.report(facts, result);
  envelope.body.reset();
  const spool::WaitingEnvelope waiting = envelope.waiting;
  co_await settle(std::move(result), waiting);
  pump();
}

Task<void> SiteDelivery::load(QueuedRecord record) {
  InFlight::Entry entry(in_flight_, record.waiting);
  auto loaded = co_await load_envelope(shard_, parts_.spool, record.waiting, spool::ReadBody::yes);
  --loading_;
  if (!loaded) {
    give_back_unread(loaded.error(), record);
    co_return pump();
  }
  loaded->goes_alone = record.goes_alone;
  if (!is_stopping_) keep_loaded(std::move(*loaded));
  pump();
}

// What has ended meanwhile, or is damaged and quarantined, is not given back. The rest is tried
// again: soon where memory was short, later where it could not be read.
void SiteDelivery::give_back_unread(const Error& error, QueuedRecord record) {
  const ErrorCode code = error.code();
  if (code == ErrorCode::not_found) return parts_.on_ended(record.waiting);
  const bool is_short = code == ErrorCode::out_of_budget;
  if (!is_short) {
    SLUICE_LOG(error, "envelope_not_read", {"id", record.waiting.key.message.to_string()},
               {"envelope", record.waiting.key.ordinal}, {"error", error.sentence()});
  }
  const Duration wait = is_short ? kNoMemoryWait : kUnreadableWait;
  parts_.give_back(Returned{.record = record, .wait = wait});
}

Task<void> SiteDelivery::end_expired(spool::WaitingEnvelope waiting) {
  InFlight::Entry entry(in_flight_, waiting);
  auto loaded = co_await load_envelope(shard_, parts_.spool, waiting, spool::ReadBody::no);
  if (!loaded) {
    give_back_unread(loaded.error(), QueuedRecord{.waiting = waiting});
    co_return;
  }
  const std::string id = waiting.key.message.to_string();
  for (const std::uint16_t position : loaded->pending) {
    parts_.pool.metrics.expired.add();
    SLUICE_LOG(warning, "recipient_expired", {"id", id},
               {"recipient", loaded->recipients[position]}, {"attempts", waiting.attempts});
  }
  co_await parts_.dsn.report_expired(*loaded, parts_.pool.site.trouble());
  Outcome outcome = expiry_of(loaded->waiting, std::move(loaded->pending));
  const QueuedRecord ended{.waiting = loaded->waiting};
  co_await record(std::move(outcome), ended);
}

Task<void> SiteDelivery::end_failed(spool::WaitingEnvelope waiting, smtp::Reply reply) {
  InFlight::Entry entry(in_flight_, waiting);
  auto loaded = co_await load_envelope(shard_, parts_.spool, waiting, spool::ReadBody::no);
  if (!loaded) {
    give_back_unread(loaded.error(), QueuedRecord{.waiting = waiting});
    co_return;
  }
  AttemptResult attempt{.key = waiting.key,
                        .recipients = {},
                        .counts = AttemptCounts::no,
                        .route = parts_.pool.site.name()};
  for (const std::uint16_t position : loaded->pending) {
    attempt.recipients.push_back(RecipientAttempt{.position = position,
                                                  .recipient = loaded->recipients[position],
                                                  .outcome = RecipientOutcome::failed,
                                                  .reply = reply,
                                                  .stage = smtp::ReplyStage::routing});
  }
  const DsnSender::Facts facts{.envelope = *loaded};
  co_await parts_.dsn.report(facts, attempt);
  const spool::WaitingEnvelope left = loaded->waiting;
  co_await settle(std::move(attempt), left);
}

Task<void> SiteDelivery::settle(AttemptResult attempt, spool::WaitingEnvelope waiting) {
  log_attempt(attempt, parts_.pool.metrics);
  Outcome outcome = outcome_of(attempt, waiting, retry_of(waiting), shard_.clock().wall(),
                               shard_.random().fraction());
  const QueuedRecord left{.waiting = waiting, .goes_alone = outcome.goes_alone};
  co_await record(std::move(outcome), left);
}

Task<void> SiteDelivery::record_ended(AttemptResult& attempt, LoadedEnvelope& envelope,
                                      const PooledConnection& connection) {
  const AttemptResult ended = take_ended(attempt);
  if (ended.recipients.empty()) co_return;
  spool::WaitingEnvelope& waiting = envelope.waiting;
  const DsnSender::Facts facts{.envelope = envelope,
                               .peer_sends_dsn = connection.session->extensions().dsn};
  co_await parts_.dsn.report(facts, ended);
  log_attempt(ended, parts_.pool.metrics);
  Outcome outcome = outcome_of(ended, waiting, retry_of(waiting), shard_.clock().wall(), 0);
  const auto count = static_cast<std::uint16_t>(outcome.record.ended.size());
  waiting.recipients_pending = static_cast<std::uint16_t>(waiting.recipients_pending - count);
  co_await store(std::move(outcome.record));
}

// A spool that cannot commit the outcome now keeps it, and does later: the envelope goes on here as
// if it had, and only a crash before then makes it be attempted again.
Task<void> SiteDelivery::store(spool::EnvelopeOutcome outcome) {
  const spool::EnvelopeKey key = outcome.key;
  auto recorded = co_await parts_.spool.record(shard_, std::move(outcome));
  if (recorded) co_return;
  SLUICE_LOG(error, "outcome_not_durable", {"id", key.message.to_string()},
             {"envelope", key.ordinal}, {"error", recorded.error().sentence()},
             {"meaning", "if the relay crashes now, the message is sent again"});
}

Task<void> SiteDelivery::record(Outcome outcome, QueuedRecord left) {
  const bool is_ended = outcome.is_ended;
  const Duration wait = outcome.wait;
  left.waiting.attempts = outcome.record.attempts;
  left.waiting.next_attempt = outcome.record.next_attempt;
  SLUICE_ASSERT(outcome.record.ended.size() <= left.waiting.recipients_pending,
                "a recipient ends once");
  left.waiting.recipients_pending =
      static_cast<std::uint16_t>(left.waiting.recipients_pending - outcome.record.ended.size());
  if (outcome.is_recorded) co_await store(std::move(outcome.record));
  if (is_ended) {
    parts_.on_ended(left.waiting);
    co_return;
  }
  parts_.give_back(Returned{.record = left, .wait = wait});
}

const RetrySettings& SiteDelivery::retry_of(const spool::WaitingEnvelope& waiting) const {
  const auto& retries = parts_.pool.config.retries;
  SLUICE_ASSERT(!retries.empty(), "a configuration has at least the class bulk");
  return retries[waiting.klass < retries.size() ? waiting.klass : 0];
}

void SiteDelivery::retire() {
  return_unsent();
  pool_.stop();
}

void SiteDelivery::stop() {
  is_stopping_ = true;
  loaded_.clear();
  lone_.clear();
  pool_.stop();
}

Task<void> SiteDelivery::join() {
  co_await pool_.join();
  co_await scope_.join();
}

}  // namespace sluice::relay
