#include "relay/dispatch_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/assert.h"

namespace sluice::relay {
namespace {

std::string name_of(const RouteSettings& route) {
  std::string name;
  for (const std::string& domain : route.domains) name += (name.empty() ? "" : ",") + domain;
  for (const std::string& tenant : route.tenants) name += " " + tenant;
  for (const MessageClass klass : route.classes) name += fmt::format(" {}", name_of(klass));
  return name;
}

std::uint32_t connections_of(const RouteSettings& route, const RelayConfig& config) {
  return route.connections.value_or(config.delivery.connections);
}

bool is_same_login(const RouteSettings& a, const RouteSettings& b) {
  if (a.username != b.username || a.password.has_value() != b.password.has_value()) return false;
  return !a.password || a.password->value == b.password->value;
}

// All that a site and its connections are made from.
bool is_same(const RouteSettings& a, const RelayConfig& in_a, const RouteSettings& b,
             const RelayConfig& in_b) {
  return a.domains == b.domains && a.tenants == b.tenants && a.classes == b.classes &&
         a.smart_hosts == b.smart_hosts && a.tls == b.tls && is_same_login(a, b) &&
         in_a.tls.ca == in_b.tls.ca && connections_of(a, in_a) == connections_of(b, in_b) &&
         in_a.hostname == in_b.hostname && in_a.delivery == in_b.delivery &&
         in_a.retries == in_b.retries && in_a.dns.nxdomain == in_b.dns.nxdomain;
}

std::shared_ptr<Site> make_site(const RouteSettings& route, const RelayConfig& config,
                                std::size_t shards) {
  const std::string name = name_of(route);
  const ShardId home(static_cast<std::uint16_t>(std::hash<std::string>()(name) % shards));
  const std::uint32_t connections = route.smart_hosts.empty() ? 0 : connections_of(route, config);
  return std::make_shared<Site>(name, route.smart_hosts, connections, home);
}

}  // namespace

DispatchPlan::DispatchPlan(std::shared_ptr<const RelayConfig> config,
                           std::vector<PlannedSite> sites)
    : config_(std::move(config)), routes_(config_->routes), sites_(std::move(sites)) {}

Result<std::shared_ptr<const DispatchPlan>> DispatchPlan::make(
    std::shared_ptr<const RelayConfig> config, std::size_t shards) {
  auto unrouted = std::make_shared<Site>("", std::vector<SmartHost>(), 0, ShardId(0));
  std::vector<PlannedSite> sites;
  sites.push_back(PlannedSite{.kind = SiteKind::unrouted,
                              .site = std::move(unrouted),
                              .config = config,
                              .security = std::make_shared<const RouteSecurity>()});
  std::shared_ptr<DispatchPlan> plan(new DispatchPlan(std::move(config), std::move(sites)));
  auto placed = plan->place_routes(nullptr, shards);
  if (!placed) return std::unexpected(std::move(placed).error());
  return std::shared_ptr<const DispatchPlan>(plan);
}

Result<std::shared_ptr<const DispatchPlan>> DispatchPlan::next(
    const DispatchPlan& last, std::shared_ptr<const RelayConfig> config, std::size_t shards) {
  std::shared_ptr<DispatchPlan> plan(new DispatchPlan(std::move(config), last.sites_));
  auto placed = plan->place_routes(&last, shards);
  if (!placed) return std::unexpected(std::move(placed).error());
  if (plan->sites_.size() <= kSitesMax) return std::shared_ptr<const DispatchPlan>(plan);
  return fail(ErrorCode::limit_exceeded,
              fmt::format("routes changed more than {} times since the start: restart the relay",
                          kSitesMax));
}

Result<void> DispatchPlan::place_routes(const DispatchPlan* last, std::size_t shards) {
  SLUICE_TRY(contexts, ClientContexts::make(*config_));
  for (const RouteSettings& route : config_->routes) {
    std::optional<std::size_t> kept;
    for (std::size_t i = 0; last != nullptr && i < last->site_by_route_.size(); ++i) {
      const bool is_it = is_same(last->config_->routes[i], *last->config_, route, *config_);
      if (is_it) kept = last->site_by_route_[i];
    }
    if (!kept) {
      kept = sites_.size();
      auto site = make_site(route, *config_, shards);
      auto security = contexts.security_of(route, *config_);
      sites_.push_back(PlannedSite{
          .kind = route.smart_hosts.empty() ? SiteKind::mx_route : SiteKind::smart_hosts,
          .site = std::move(site),
          .config = config_,
          .security = std::make_shared<const RouteSecurity>(std::move(security)),
          .connections = connections_of(route, *config_)});
    }
    site_by_route_.push_back(*kept);
  }
  return {};
}

std::size_t DispatchPlan::site_of(const RouteQuestion& question) const {
  const auto route = routes_.route_of(question);
  return route ? site_by_route_[*route] : kUnroutedSite;
}

bool DispatchPlan::is_used(std::size_t site) const {
  SLUICE_ASSERT(site < sites_.size(), "a site of this plan");
  return site == kUnroutedSite || std::ranges::find(site_by_route_, site) != site_by_route_.end();
}

}  // namespace sluice::relay
