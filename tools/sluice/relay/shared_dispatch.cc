#include "relay/shared_dispatch.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "core/shard_group.h"
#include "relay/shard_dispatcher.h"
#include "shaping/retry_schedule.h"

namespace sluice::relay {
namespace {

std::string route_name(const RouteSettings& route) {
  std::string name;
  for (const std::string& domain : route.domains) name += (name.empty() ? "" : ",") + domain;
  return name;
}

}  // namespace

SharedDispatch::SharedDispatch(std::shared_ptr<const RelayConfig> relay_config,
                               spool::Spool& envelopes, ShardGroup& group,
                               DeliveryStart delivery_start)
    : config(std::move(relay_config)),
      spool(envelopes),
      shards(group),
      start(delivery_start),
      routes(config->routes),
      node_connections(config->limits.outgoing_connections),
      resolver(group),
      dispatchers(group.size(), nullptr) {
  for (const RouteSettings& route : config->routes) {
    const std::string name = route_name(route);
    const auto home = static_cast<std::uint16_t>(std::hash<std::string>()(name) % group.size());
    sites.push_back(std::make_unique<Site>(name, route.smart_hosts,
                                           route.connections.value_or(config->delivery.connections),
                                           ShardId(home)));
    // Nobody sends past what waits at home.
    sites.back()->home_waits.store(start == DeliveryStart::held);
  }
  sites.push_back(std::make_unique<Site>("", std::vector<SmartHost>(), 0, ShardId(0)));
}

std::unique_ptr<Dispatcher> SharedDispatch::open(Shard& shard) {
  return std::make_unique<ShardDispatcher>(shared_from_this(), shard);
}

// The queue's name ends with the domain.
std::size_t SharedDispatch::site_of(std::uint32_t queue) const {
  const std::string name = spool.queue_name(queue);
  const auto route = routes.route_of(std::string_view(name).substr(name.rfind('@') + 1));
  return route.value_or(unrouted_site());
}

// What was stored is wall time, which may have jumped since: no wait is longer than its schedule
// could have given.
Duration SharedDispatch::wait_of(const spool::WaitingEnvelope& waiting, WallTime now) const {
  const auto& retries = config->retries;
  const RetrySettings& retry = retries[waiting.klass < retries.size() ? waiting.klass : 0];
  const Duration longest =
      shaping::longest_retry_wait({.first = retry.first, .factor = retry.factor, .max = retry.max});
  return std::clamp(waiting.next_attempt - now, Duration(0), longest);
}

void SharedDispatch::recover(std::vector<spool::WaitingEnvelope> envelopes) {
  std::vector<std::vector<Returned>> by_site(sites.size());
  const WallTime now = Clock().wall();
  for (spool::WaitingEnvelope& waiting : envelopes) {
    live.fetch_add(1);
    const Duration wait = wait_of(waiting, now);
    waiting.next_attempt = std::min(waiting.next_attempt, now + wait);
    by_site[site_of(waiting.queue)].push_back(
        Returned{.record = {.waiting = waiting}, .wait = wait});
  }
  for (std::size_t site = 0; site < sites.size(); ++site) {
    if (by_site[site].empty()) continue;
    const ShardId home = sites[site]->home();
    shards.post(home, [self = shared_from_this(), home, site, returned = std::move(by_site[site])] {
      if (ShardDispatcher* dispatcher = self->dispatchers[home.value()]) {
        dispatcher->queue(site, returned);
      }
    });
  }
}
std::shared_ptr<DispatcherGroup> DispatcherGroup::make(std::shared_ptr<const RelayConfig> config,
                                                       spool::Spool& spool, ShardGroup& shards,
                                                       DeliveryStart start) {
  return std::make_shared<SharedDispatch>(std::move(config), spool, shards, start);
}

}  // namespace sluice::relay
