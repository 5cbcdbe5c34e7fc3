#include "relay/open_files_plan.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/log.h"
#include "core/open_files.h"

namespace sluice::relay {
namespace {

constexpr std::uint64_t kOtherFiles = 512;  // also those of control and HTTP connections

// A route bounds its own connections, so few routes need few files.
std::uint64_t outgoing_connections(const RelayConfig& config) {
  std::uint64_t of_routes = 0;
  for (const RouteSettings& route : config.routes) {
    of_routes += route.connections.value_or(config.delivery.connections);
  }
  return std::min<std::uint64_t>(of_routes, config.limits.outgoing_connections);
}

bool keeps_default(const ListenerSettings& listener) {
  return listener.connections == ListenerSettings().connections;
}

}  // namespace

std::uint64_t open_files_needed(const RelayConfig& config) {
  std::uint64_t needed = kOtherFiles + outgoing_connections(config);
  for (const ListenerSettings& listener : config.listeners) {
    needed += listener.connections + listener.address.size();
  }
  return needed;
}

std::optional<RelayConfig> fit_into_open_files(RelayConfig config, std::uint64_t allowed) {
  const std::uint64_t needed = open_files_needed(config);
  if (needed <= allowed) return config;
  const auto lowered =
      static_cast<std::uint64_t>(std::ranges::count_if(config.listeners, keeps_default));
  const std::uint64_t fixed = needed - lowered * ListenerSettings().connections;
  if (lowered == 0 || allowed < fixed + lowered * kListenerConnectionsMin) return std::nullopt;
  const std::uint64_t each = (allowed - fixed) / lowered;
  for (ListenerSettings& listener : config.listeners) {
    if (keeps_default(listener)) listener.connections = static_cast<std::uint32_t>(each);
  }
  return config;
}

Result<std::shared_ptr<const RelayConfig>> plan_open_files(
    std::shared_ptr<const RelayConfig> config) {
  auto raised = raise_open_files(open_files_needed(*config));
  if (raised) return config;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return std::unexpected(system_error("getrlimit", errno));
  }
  auto fitting = fit_into_open_files(*config, limit.rlim_max);
  if (!fitting) return std::unexpected(std::move(raised).error());
  SLUICE_TRY(allowed, raise_open_files(open_files_needed(*fitting)));
  SLUICE_LOG(warning, "connections_lowered", {"open_files", allowed},
             {"needed", open_files_needed(*config)},
             {"hint",
              "allow more open files (ulimit -n, LimitNOFILE=) or set "
              "listener.connections"});
  return std::make_shared<const RelayConfig>(*std::move(fitting));
}

}  // namespace sluice::relay
