#include "relay/site_delivery.h"

#include <utility>

#include "core/log.h"

namespace sluice::relay {
namespace {

// Envelopes that a shard keeps ready for a connection that is still being opened.
constexpr std::uint32_t kReadyForOpening = 8;
constexpr Duration kNoMemoryWait = std::chrono::seconds(1);

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
  const QueuedRecord record{.waiting = envelope.waiting, .origin = kNobody};
  parts_.give_back(Returned{.record = record, .wait = Duration(0)});
}

void SiteDelivery::take(std::vector<spool::WaitingEnvelope> granted) {
  for (spool::WaitingEnvelope& waiting : granted) {
    if (asked_ > 0) --asked_;
    ++loading_;
    scope_.spawn(load(waiting));
  }
}

// Room is every free slot, and what a connection that may yet be opened would take at once.
void SiteDelivery::offer_room() {
  if (is_stopping_ || !parts_.pool.site.home_waits.load()) return;
  std::uint32_t room = pool_.free_slots();
  if (pool_.opening() > 0 || pool_.may_open()) room += kReadyForOpening;
  const std::uint32_t taken = static_cast<std::uint32_t>(loaded_.size()) + loading_ + asked_;
  if (room <= taken) return;
  asked_ += room - taken;
  parts_.want(room - taken);
}

void SiteDelivery::expire(spool::WaitingEnvelope waiting) { scope_.spawn(end_expired(waiting)); }

// Gives every free slot its envelope; opens a connection where some are left.
void SiteDelivery::pump() {
  while (!loaded_.empty() && !is_stopping_) {
    PooledConnection* connection = pool_.free_connection();
    if (connection == nullptr) break;
    LoadedEnvelope envelope = std::move(loaded_.front());
    loaded_.pop_front();
    begin(std::move(envelope), *connection);
  }
  const bool is_short = loaded_.size() > pool_.opening();
  if (is_short && !is_stopping_) pool_.open_one();
  if (pool_.empty()) return_unsent();
  offer_room();
}

void SiteDelivery::return_unsent() {
  for (const LoadedEnvelope& envelope : std::exchange(loaded_, {})) {
    const QueuedRecord record{.waiting = envelope.waiting, .origin = kNobody};
    parts_.give_back(Returned{.record = record, .wait = Duration(0)});
  }
}

void SiteDelivery::begin(LoadedEnvelope envelope, PooledConnection& connection) {
  pool_.begin_attempt(connection);
  scope_.spawn(attempt(std::move(envelope), connection));
}

Task<void> SiteDelivery::attempt(LoadedEnvelope envelope, PooledConnection& connection) {
  parts_.pool.metrics.in_flight.add(1);
  AttemptResult result = co_await deliver(shard_, parts_.spool, *connection.session, envelope);
  parts_.pool.metrics.in_flight.add(-1);
  result.route = parts_.pool.site.name();
  result.host = connection.host_name;
  if (result.is_throttled) connection.session->limit_depth(1);
  pool_.end_attempt(connection);
  envelope.body.reset();
  const spool::WaitingEnvelope waiting = envelope.waiting;
  co_await settle(std::move(result), waiting);
  pump();
}

Task<void> SiteDelivery::load(spool::WaitingEnvelope waiting) {
  auto loaded = co_await load_envelope(shard_, parts_.spool, waiting, spool::ReadBody::yes);
  --loading_;
  if (!loaded) {
    const ErrorCode code = loaded.error().code();
    const bool is_gone = code == ErrorCode::not_found || code == ErrorCode::corrupt;
    if (is_gone) {
      parts_.on_ended();
    } else {
      const QueuedRecord record{.waiting = waiting, .origin = kNobody};
      parts_.give_back(Returned{.record = record, .wait = kNoMemoryWait});
    }
    co_return;
  }
  if (!is_stopping_) loaded_.push_back(std::move(*loaded));
  pump();
}

Task<void> SiteDelivery::end_expired(spool::WaitingEnvelope waiting) {
  auto loaded = co_await load_envelope(shard_, parts_.spool, waiting, spool::ReadBody::no);
  if (!loaded) {
    parts_.on_ended();
    co_return;
  }
  const std::string id = waiting.key.message.to_string();
  for (const std::uint16_t position : loaded->pending) {
    parts_.pool.metrics.expired.add();
    SLUICE_LOG(warning, "recipient_expired", {"id", id},
               {"recipient", loaded->recipients[position]}, {"attempts", waiting.attempts});
  }
  Outcome outcome = expiry_of(loaded->waiting, std::move(loaded->pending));
  co_await record(std::move(outcome), loaded->waiting);
}

Task<void> SiteDelivery::settle(AttemptResult attempt, spool::WaitingEnvelope waiting) {
  log_attempt(attempt, parts_.pool.metrics);
  Outcome outcome = outcome_of(attempt, waiting, retry_of(waiting), shard_.clock().wall(),
                               shard_.random().fraction());
  co_await record(std::move(outcome), waiting);
}

Task<void> SiteDelivery::record(Outcome outcome, spool::WaitingEnvelope waiting) {
  const bool is_ended = outcome.is_ended;
  waiting.attempts = outcome.record.attempts;
  waiting.next_attempt = outcome.record.next_attempt;
  waiting.recipients_pending =
      static_cast<std::uint16_t>(waiting.recipients_pending - outcome.record.ended.size());
  if (outcome.is_recorded) {
    auto recorded = co_await parts_.spool.record(shard_, std::move(outcome.record));
    if (!recorded) {
      SLUICE_LOG(error, "outcome_not_recorded", {"error", recorded.error().sentence()});
    }
  }
  if (is_ended) {
    parts_.on_ended();
    co_return;
  }
  const QueuedRecord left{.waiting = waiting, .origin = kNobody};
  parts_.give_back(Returned{.record = left, .wait = outcome.wait});
}

const RetrySettings& SiteDelivery::retry_of(const spool::WaitingEnvelope& waiting) const {
  const auto& retries = parts_.pool.config.retries;
  SLUICE_ASSERT(!retries.empty(), "a configuration has at least the class bulk");
  return retries[waiting.klass < retries.size() ? waiting.klass : 0];
}

void SiteDelivery::stop() {
  is_stopping_ = true;
  loaded_.clear();
  pool_.stop();
}

Task<void> SiteDelivery::join() {
  co_await pool_.join();
  co_await scope_.join();
}

}  // namespace sluice::relay
