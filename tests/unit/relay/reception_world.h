// What reception stands on in a test: a shard of the test's own thread, and a spool and a
// dispatcher that only remember.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "relay/reception.h"
#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/relay/fake_spool.h"

namespace sluice::relay {

struct ReceptionWorld {
  ReceptionWorld() {
    config.hostname = "relay.example";
    config.limits.message_size = ByteCount(2'000'000);
    config.retries.resize(2);
    config.retries[1].klass = MessageClass::transactional;
    listener.address.push_back(*Endpoint::parse("127.0.0.1:25"));
    RouteSettings route;
    route.smart_hosts.push_back({.host = "127.0.0.1", .port = 26});
    config.routes.push_back(route);
  }

  // What new sessions go by: the configuration as it is now, with this one listener.
  void apply_config() {
    RelayConfig applied = config;
    applied.listeners.assign(1, listener);
    auto policy = ReceptionPolicy::make(std::make_shared<const RelayConfig>(std::move(applied)),
                                        tenants, nullptr);
    EXPECT_TRUE(policy.has_value());
    parts.policy = *policy;
    parts.policy->tell_tenants(tenants);
  }

  std::unique_ptr<Shard> shard = open_shard();
  RelayConfig config;
  ListenerSettings listener;
  TenantRegistry tenants;
  FakeSpool spool;
  MemoryBudget budget{mebibytes(2)};
  spool::MessageIdSource ids{spool::PartitionId{0}, std::uint16_t{0}, shard->random()};
  ReceptionMetrics metrics{shard->metrics()};
  std::vector<FreshEnvelope> submitted;
  ReceptionParts parts{
      .shard = *shard,
      .policy = nullptr,
      .spool = spool,
      .ids = ids,
      .budget = budget,
      .metrics = metrics,
      .users = nullptr,
      .authenticator = nullptr,
      .submit = [this](FreshEnvelope envelope) { submitted.push_back(std::move(envelope)); }};
};

}  // namespace sluice::relay
