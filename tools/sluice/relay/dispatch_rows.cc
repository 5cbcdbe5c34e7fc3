// What a shard's dispatcher knows of, as rows for the operator.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "relay/queue_rows.h"
#include "relay/shard_dispatcher.h"

namespace sluice::relay {
namespace {

// What was parked may be held no longer by now, and then waits to be looked at anew.
const char* reason_to_park(const Tenant* tenant) {
  return tenant == nullptr || tenant->is_configured() ? kTenantSuspended : kNoTenant;
}

}  // namespace

// Every envelope that this shard knows, as a row without the name of its queue.
template <class Visit>
void ShardDispatcher::visit_all(Visit&& visit) const {
  for (const auto& [number, local] : sites_) {
    if (!visit_site(*local, visit)) return;
  }
}

template <class Visit>
bool ShardDispatcher::visit_site(const LocalSite& local, Visit& visit) const {
  bool goes_on = true;
  QueuedEnvelope flying = row_of(*local.planned.site, EnvelopeState::in_flight);
  local.delivery->for_each_in_flight(
      [&](const spool::WaitingEnvelope& waiting, const std::string& host) {
        flying.waits_for = host.empty() ? "connection" : "reply";
        flying.detail = host;
        flying.waiting = waiting;
        goes_on = visit(std::as_const(flying));
        return goes_on;
      });
  if (goes_on && local.home != nullptr) goes_on = visit_home(local, visit);
  if (goes_on && local.stage != nullptr) goes_on = visit_stage(local, visit);
  return goes_on;
}

template <class Visit>
bool ShardDispatcher::visit_home(const LocalSite& local, Visit& visit) const {
  Site& site = *local.planned.site;
  const SiteQueue& queue = local.home->queue();
  bool goes_on = true;
  const auto pass = [&](QueuedEnvelope& row, const spool::WaitingEnvelope& waiting) {
    row.waiting = waiting;
    goes_on = goes_on && visit(std::as_const(row));
    return goes_on;
  };
  QueuedEnvelope ready = row_of(site, EnvelopeState::ready);
  const ReadyWait wait = ready_wait_of(site, shared_->node_connections, shard_.clock());
  ready.waits_for = is_held_ && site.has_hosts() ? kDeliveryHeld : wait.name;
  ready.detail = site.trouble();
  queue.for_each_ready([&](const QueuedRecord& record) {
    spool::WaitingEnvelope waiting = record.waiting;
    waiting.next_attempt = std::max(waiting.next_attempt, wait.ends);
    return pass(ready, waiting);
  });
  QueuedEnvelope parked = row_of(site, EnvelopeState::ready);
  queue.for_each_parked([&](const QueuedRecord& record) {
    parked.waits_for = reason_to_park(tenant_of(record.waiting.queue));
    return pass(parked, record.waiting);
  });
  QueuedEnvelope scheduled = row_of(site, EnvelopeState::scheduled);
  scheduled.waits_for = site.has_hosts() ? kRetry : kNoRoute;
  queue.for_each_scheduled(
      [&](const QueuedRecord& record) { return pass(scheduled, record.waiting); });
  return goes_on;
}

template <class Visit>
bool ShardDispatcher::visit_stage(const LocalSite& local, Visit& visit) const {
  bool goes_on = true;
  QueuedEnvelope row = row_of(*local.planned.site, EnvelopeState::ready);
  row.waits_for = kDnsAnswer;
  const WallTime wall = shard_.clock().wall();
  const Instant now = shard_.clock().now();
  local.stage->for_each_waiting(
      [&](const QueuedRecord& record, const std::string& trouble, Instant retry_at) {
        row.waiting = record.waiting;
        row.detail = trouble;
        if (retry_at > now) {
          row.waiting.next_attempt = std::max(row.waiting.next_attempt, wall + (retry_at - now));
        }
        goes_on = visit(std::as_const(row));
        return goes_on;
      });
  QueuedEnvelope scheduled = row_of(*local.planned.site, EnvelopeState::scheduled);
  scheduled.waits_for = is_held_ ? kDeliveryHeld : kRetry;
  local.stage->for_each_scheduled([&](const QueuedRecord& record) {
    scheduled.waiting = record.waiting;
    goes_on = goes_on && visit(std::as_const(scheduled));
    return goes_on;
  });
  return goes_on;
}

std::vector<QueueSummary> ShardDispatcher::summarise() const {
  std::unordered_map<std::uint32_t, QueueSummary> rows;
  visit_all([&rows](const QueuedEnvelope& envelope) {
    QueueSummary& summary = rows[envelope.waiting.queue];
    summary.route = envelope.route;
    count_in(envelope, summary);
    return true;
  });
  std::vector<QueueSummary> result;
  for (auto& [number, summary] : rows) {
    summary.queue = shared_->spool.queue_name(number);
    result.push_back(std::move(summary));
  }
  return result;
}

std::vector<QueuedEnvelope> ShardDispatcher::list(std::size_t most) const {
  std::vector<QueuedEnvelope> rows;
  visit_all([&](const QueuedEnvelope& envelope) {
    if (rows.size() >= most) return false;
    rows.push_back(envelope);
    return true;
  });
  for (QueuedEnvelope& row : rows) row.queue = shared_->spool.queue_name(row.waiting.queue);
  return rows;
}

std::vector<QueuedEnvelope> ShardDispatcher::find(spool::MessageId message) const {
  std::vector<QueuedEnvelope> rows;
  visit_all([&](const QueuedEnvelope& envelope) {
    if (envelope.waiting.key.message == message) rows.push_back(envelope);
    return true;
  });
  for (QueuedEnvelope& row : rows) row.queue = shared_->spool.queue_name(row.waiting.queue);
  return rows;
}

HeldBack ShardDispatcher::held_back() const {
  HeldBack held_back;
  const auto count = [&held_back](const QueuedRecord& record) {
    ++held_back.envelopes;
    held_back.recipients += record.waiting.recipients_pending;
    return true;
  };
  const auto count_held = [&](const QueuedRecord& record) {
    return is_held(record.waiting.queue) ? count(record) : true;
  };
  const bool may_all_deliver = shared_->tenants.may_all_deliver();
  for (const auto& [number, local] : sites_) {
    if (local->stage != nullptr && !may_all_deliver) {
      local->stage->for_each_scheduled(count_held);
      local->stage->for_each_waiting(
          [&](const QueuedRecord& record, const auto&...) { return count_held(record); });
    }
    if (local->home == nullptr) continue;
    const SiteQueue& queue = local->home->queue();
    if (local->is(SiteKind::unrouted)) {
      queue.for_each_ready(count);
      queue.for_each_scheduled(count);
    } else if (!may_all_deliver) {
      queue.for_each_ready(count_held);
      queue.for_each_scheduled(count_held);
    }
    queue.for_each_parked(count);
  }
  return held_back;
}

// The node's number is kept by the first shard, so that a sum over the shards is exact.
std::uint64_t ShardDispatcher::pending() const {
  return shard_.id() == ShardId(0) ? static_cast<std::uint64_t>(shared_->live.load()) : 0;
}

}  // namespace sluice::relay
