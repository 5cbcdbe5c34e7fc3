// SharedDispatch: what the dispatchers of all shards share: the plan, limits, and who is where.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/dns_cache.h"
#include "relay/dispatch_plan.h"
#include "relay/dispatcher.h"
#include "relay/dsn_sender.h"
#include "relay/host_resolver.h"
#include "relay/own_endpoints.h"
#include "relay/site_directory.h"
#include "relay/tenant.h"

namespace sluice::relay {

class ShardDispatcher;

// Where the envelopes of a queue and a class go, and whose they are.
struct QueueOwner {
  std::size_t site;     // of their route
  Tenant* tenant;       // null: nobody's
  ShardId domain_home;  // where the hosts of their domain are looked up
};

class SharedDispatch final : public DispatcherGroup,
                             public std::enable_shared_from_this<SharedDispatch> {
 public:
  SharedDispatch(std::shared_ptr<const DispatchPlan> plan, const Parts& parts, DeliveryStart start);

  std::unique_ptr<Dispatcher> open(Shard& shard) override;
  void recover(std::vector<spool::WaitingEnvelope> envelopes) override;
  Result<std::shared_ptr<const DispatchPlan>> plan_for(
      std::shared_ptr<const RelayConfig> config) const override;
  void publish(std::shared_ptr<const DispatchPlan> plan) override;

  // The one that every shard has, or will have before it is told of what goes by it.
  std::shared_ptr<const DispatchPlan> plan() const;
  QueueOwner owner_of(std::uint32_t queue, std::uint8_t klass, const DispatchPlan& plan) const;

  spool::Spool& spool;
  ShardGroup& shards;
  TenantRegistry& tenants;
  DeliveryStart start;
  LimitCell node_connections;
  HostResolver resolver;  // of smart hosts
  DnsCache dns;
  SiteDirectory directory;
  DsnLimits dsn_limits;
  const OwnEndpoints ours;
  std::atomic<std::int64_t> live{0};  // envelopes that have not ended
  // Each is touched on its own shard only; null before open() and after the end.
  std::vector<ShardDispatcher*> dispatchers;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const DispatchPlan> plan_;
};

}  // namespace sluice::relay
