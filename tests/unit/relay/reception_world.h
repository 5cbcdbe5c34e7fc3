// What reception stands on in a test: a shard of the test's own thread, and a spool and a
// dispatcher that only remember.
#pragma once

#include <functional>
#include <memory>
#include <set>
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
    listener.address.push_back(*Endpoint::parse("127.0.0.1:25"));
  }

  std::unique_ptr<Shard> shard = open_shard();
  RelayConfig config;
  ListenerSettings listener;
  FakeSpool spool;
  MemoryBudget budget{mebibytes(2)};
  spool::MessageIdSource ids{spool::PartitionId{0}, std::uint16_t{0}, shard->random()};
  ReceptionMetrics metrics{shard->metrics()};
  std::set<std::string, std::less<>> unrouted;
  std::vector<FreshEnvelope> submitted;
  ReceptionParts parts{
      .shard = *shard,
      .config = config,
      .spool = spool,
      .ids = ids,
      .budget = budget,
      .metrics = metrics,
      .has_route = [this](std::string_view domain) { return !unrouted.contains(domain); },
      .submit = [this](FreshEnvelope envelope) { submitted.push_back(std::move(envelope)); }};
};

}  // namespace sluice::relay
