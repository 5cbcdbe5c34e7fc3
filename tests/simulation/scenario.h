// Scenario: everything that a seed decides before the first step: the relay's configuration, the
// hosts, the clients with their mail, the network's weather, and how each life of the relay ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "relay/config.h"
#include "tests/simulation/simulated_names.h"
#include "tests/simulation/simulated_network.h"
#include "tests/simulation/submitting_client.h"
#include "tests/simulation/upstream_host.h"

namespace sluice::simulation {

enum class LifeEnd : std::uint8_t { crash, stop, hurried_stop };

// One run of the relay's process before the last.
struct Life {
  Duration length;
  LifeEnd end;
};

struct PlannedClient {
  ClientSettings settings;
  std::vector<PlannedMessage> plan;
};

struct Scenario {
  relay::RelayConfig config;  // without the directories
  NetworkSettings network;
  NamesSettings names;
  std::vector<HostSettings> hosts;
  std::vector<PlannedClient> clients;
  std::vector<Life> lives;
  Duration disk_delay_max{0};
  Duration trouble_every{0};  // a host goes down or is isolated; 0: never

  // What was accepted may expire: then a recipient may end that way.
  Duration expiry() const { return config.retries.front().expire; }
  // How long the relay may keep a connection on which nothing comes from the other end: its longest
  // timeout, and what it takes to act on it.
  Duration patience_with_client() const;
  Duration patience_with_host() const;
};

Scenario make_scenario(Random& random);

}  // namespace sluice::simulation
