#include "relay/shared_dispatch.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "core/shard_group.h"
#include "relay/queue_name.h"
#include "relay/shard_dispatcher.h"
#include "shaping/retry_schedule.h"

namespace sluice::relay {
namespace {

// What was stored is wall time, which may have jumped since: no wait is longer than its schedule
// could have given.
Duration wait_of(const spool::WaitingEnvelope& waiting, const RelayConfig& config, WallTime now) {
  const auto& retries = config.retries;
  const RetrySettings& retry = retries[waiting.klass < retries.size() ? waiting.klass : 0];
  const Duration longest =
      shaping::longest_retry_wait({.first = retry.first, .factor = retry.factor, .max = retry.max});
  return std::clamp(waiting.next_attempt - now, Duration(0), longest);
}

}  // namespace

SharedDispatch::SharedDispatch(std::shared_ptr<const DispatchPlan> plan, const Parts& parts,
                               DeliveryStart delivery_start)
    : spool(parts.spool),
      shards(parts.shards),
      tenants(parts.tenants),
      start(delivery_start),
      node_connections(plan->config().limits.outgoing_connections),
      resolver(shards),
      directory(shards.size()),
      dsn_limits(plan->config().dsn.rate),
      ours(plan->config(), machine_addresses()),
      dispatchers(shards.size(), nullptr),
      plan_(std::move(plan)) {}

std::unique_ptr<Dispatcher> SharedDispatch::open(Shard& shard) {
  return std::make_unique<ShardDispatcher>(shared_from_this(), shard);
}

std::shared_ptr<const DispatchPlan> SharedDispatch::plan() const {
  const std::lock_guard lock(mutex_);
  return plan_;
}

Result<std::shared_ptr<const DispatchPlan>> SharedDispatch::plan_for(
    std::shared_ptr<const RelayConfig> config) const {
  return DispatchPlan::next(*plan(), std::move(config), shards.size());
}

void SharedDispatch::publish(std::shared_ptr<const DispatchPlan> plan) {
  node_connections.set_limit(plan->config().limits.outgoing_connections);
  const std::lock_guard lock(mutex_);
  plan_ = std::move(plan);
}

QueueOwner SharedDispatch::owner_of(std::uint32_t queue, std::uint8_t klass,
                                    const DispatchPlan& plan) const {
  const std::string text = spool.queue_name(queue);
  const QueueName name = parse_queue_name(text);
  Tenant* const tenant = name.tenant.empty() ? nullptr : &tenants.tenant(name.tenant);
  const std::size_t home = std::hash<std::string_view>()(name.domain) % shards.size();
  // A class of a later version is as bulk.
  const bool is_known = klass < kMessageClassNames.size();
  const auto message_class = is_known ? static_cast<MessageClass>(klass) : MessageClass::bulk;
  return {
      .site = plan.site_of({.domain = name.domain, .tenant = name.tenant, .klass = message_class}),
      .tenant = tenant,
      .domain_home = ShardId(static_cast<std::uint16_t>(home))};
}

void SharedDispatch::recover(std::vector<spool::WaitingEnvelope> envelopes) {
  const auto plan = this->plan();
  std::map<std::pair<std::size_t, ShardId>, std::vector<Returned>> by_home;
  std::map<std::pair<std::uint32_t, std::uint8_t>, QueueOwner> owners;
  const WallTime now = Clock().wall();
  for (spool::WaitingEnvelope& waiting : envelopes) {
    live.fetch_add(1);
    const Duration wait = wait_of(waiting, plan->config(), now);
    waiting.next_attempt = std::min(waiting.next_attempt, now + wait);
    const std::pair kind(waiting.queue, waiting.klass);
    auto owner = owners.find(kind);
    if (owner == owners.end()) {
      owner = owners.emplace(kind, owner_of(waiting.queue, waiting.klass, *plan)).first;
    }
    if (Tenant* const tenant = owner->second.tenant) tenant->usage.queued.add(1, waiting.size);
    const std::size_t site = owner->second.site;
    const PlannedSite& planned = plan->sites()[site];
    const bool is_by_domain = planned.kind == SiteKind::mx_route;
    const ShardId home = is_by_domain ? owner->second.domain_home : planned.site->home();
    by_home[{site, home}].push_back(Returned{.record = {.waiting = waiting}, .wait = wait});
  }
  for (auto& [place, some] : by_home) {
    const std::size_t site = place.first;
    const ShardId home = place.second;
    shards.post(home, [self = shared_from_this(), home, site, returned = std::move(some)] {
      if (ShardDispatcher* dispatcher = self->dispatchers[home.value()]) {
        dispatcher->queue(site, returned);
      }
    });
  }
}

Result<std::shared_ptr<DispatcherGroup>> DispatcherGroup::make(
    std::shared_ptr<const RelayConfig> config, const Parts& parts, DeliveryStart start) {
  SLUICE_TRY(plan, DispatchPlan::make(std::move(config), parts.shards.size()));
  return std::make_shared<SharedDispatch>(std::move(plan), parts, start);
}

}  // namespace sluice::relay
