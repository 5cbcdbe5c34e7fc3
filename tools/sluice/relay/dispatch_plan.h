// DispatchPlan: under one configuration, which site each route has. Immutable; a reload makes the
// next one from the last.
//
// A route without smart hosts has one too: there the envelopes wait until the hosts of their domain
// are known, and then go to a site of those hosts (site_directory.h).
//
// A route that stays as it is, with all that its site was made from, keeps its site: connections,
// what is known of its hosts, what waits there. Any other route gets a new one, and what waited at
// the old one is looked at anew. Sites are numbered in the order in which they were made.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "relay/config.h"
#include "relay/route_resolver.h"
#include "relay/route_security.h"
#include "relay/site.h"

namespace sluice::relay {

// Where the envelopes wait that no route fits.
inline constexpr std::size_t kUnroutedSite = 0;
// More are not made: each keeps a little on every shard until the process ends.
inline constexpr std::size_t kSitesMax = 10'000;

enum class SiteKind : std::uint8_t {
  unrouted,     // no route fits what waits there
  smart_hosts,  // of a route
  mx_route,     // of a route whose domains' hosts are looked up: it sends nothing itself
  exchange,     // of hosts that DNS names
};

// A site and the configuration under which its mail goes out.
struct PlannedSite {
  SiteKind kind;
  std::shared_ptr<Site> site;
  std::shared_ptr<const RelayConfig> config;
  std::shared_ptr<const RouteSecurity> security;
  std::uint32_t connections = 0;      // at a time; of an mx_route: to each set of hosts
  std::size_t route = kUnroutedSite;  // of an exchange: the number of its mx_route
};

class DispatchPlan {
 public:
  // Both: an Error when what a route is secured with cannot be had.
  static Result<std::shared_ptr<const DispatchPlan>> make(std::shared_ptr<const RelayConfig> config,
                                                          std::size_t shards);
  // limit_exceeded when there were too many sites since the start.
  static Result<std::shared_ptr<const DispatchPlan>> next(const DispatchPlan& last,
                                                          std::shared_ptr<const RelayConfig> config,
                                                          std::size_t shards);

  const RelayConfig& config() const { return *config_; }
  const std::shared_ptr<const RelayConfig>& shared_config() const { return config_; }
  const std::vector<PlannedSite>& sites() const { return sites_; }
  std::size_t site_of(const RouteQuestion& question) const;
  bool is_used(std::size_t site) const;

 private:
  DispatchPlan(std::shared_ptr<const RelayConfig> config, std::vector<PlannedSite> sites);
  Result<void> place_routes(const DispatchPlan* last, std::size_t shards);

  std::shared_ptr<const RelayConfig> config_;
  RouteResolver routes_;
  std::vector<PlannedSite> sites_;
  std::vector<std::size_t> site_by_route_;
};

}  // namespace sluice::relay
