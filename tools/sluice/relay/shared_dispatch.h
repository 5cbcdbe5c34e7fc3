// SharedDispatch: what the dispatchers of all shards share: sites, limits, routes, and who is
// where.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "relay/dispatcher.h"
#include "relay/host_resolver.h"
#include "relay/route_resolver.h"
#include "relay/site.h"

namespace sluice::relay {

class ShardDispatcher;

class SharedDispatch final : public DispatcherGroup,
                             public std::enable_shared_from_this<SharedDispatch> {
 public:
  SharedDispatch(std::shared_ptr<const RelayConfig> relay_config, spool::Spool& envelopes,
                 ShardGroup& group, DeliveryStart start);

  std::unique_ptr<Dispatcher> open(Shard& shard) override;
  void recover(std::vector<spool::WaitingEnvelope> envelopes) override;

  std::size_t site_of(std::uint32_t queue) const;
  Duration wait_of(const spool::WaitingEnvelope& waiting, WallTime now) const;
  std::size_t unrouted_site() const { return config->routes.size(); }

  std::shared_ptr<const RelayConfig> config;
  spool::Spool& spool;
  ShardGroup& shards;
  DeliveryStart start;
  RouteResolver routes;
  std::vector<std::unique_ptr<Site>> sites;  // by route; last: where nothing without one leaves
  LimitCell node_connections;
  HostResolver resolver;
  std::atomic<std::int64_t> live{0};  // envelopes that have not ended
  // Each is touched on its own shard only; null before open() and after the end.
  std::vector<ShardDispatcher*> dispatchers;
};

}  // namespace sluice::relay
