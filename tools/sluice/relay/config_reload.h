// config_reload: what of a new configuration a running relay takes over.
#pragma once

#include <memory>
#include <vector>

#include "core/config_difference.h"
#include "relay/config.h"

namespace sluice::relay {

// What an operator is told of a reload.
struct ReloadReport {
  std::vector<ConfigChange> changes;  // those that are fixed wait for the next start
  bool is_applied = false;            // false: it was only tried
};

struct PlannedReload {
  std::shared_ptr<const RelayConfig> config;  // the new one, with the old values of what is fixed
  ReloadReport report;
};

// Where listeners came, went or moved, all of them stay as they are until the next start: what a
// session goes by is found by the position of its listener.
PlannedReload plan_reload(const RelayConfig& running, const RelayConfig& wanted);

}  // namespace sluice::relay
