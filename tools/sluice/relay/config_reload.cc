#include "relay/config_reload.h"

#include <algorithm>
#include <utility>

namespace sluice::relay {
namespace {

bool are_at_same_addresses(const RelayConfig& a, const RelayConfig& b) {
  return std::ranges::equal(a.listeners, b.listeners, {}, &ListenerSettings::address,
                            &ListenerSettings::address);
}

// The keys that config_keys.h declares at_restart().
void keep_fixed(const RelayConfig& running, RelayConfig& config) {
  config.spool = running.spool;
  config.spool_partitions = running.spool_partitions;
  config.spool_size = running.spool_size;
  config.spool_reserved = running.spool_reserved;
  config.shards = running.shards;
  config.run_as = running.run_as;
  config.user_file = running.user_file;
  config.authentication = running.authentication;
  config.admin = running.admin;
  config.dsn.rate = running.dsn.rate;
  const NxDomain nxdomain = config.dns.nxdomain;
  config.dns = running.dns;
  config.dns.nxdomain = nxdomain;
  if (!are_at_same_addresses(running, config)) config.listeners = running.listeners;
}

}  // namespace

PlannedReload plan_reload(const RelayConfig& running, const RelayConfig& wanted) {
  PlannedReload planned;
  planned.report.changes = config_changes(running, wanted);
  const bool are_listeners_fixed = !are_at_same_addresses(running, wanted);
  for (ConfigChange& change : planned.report.changes) {
    if (are_listeners_fixed && change.key.starts_with("listener[")) change.is_fixed = true;
  }
  auto config = std::make_shared<RelayConfig>(wanted);
  keep_fixed(running, *config);
  planned.config = std::move(config);
  return planned;
}

}  // namespace sluice::relay
