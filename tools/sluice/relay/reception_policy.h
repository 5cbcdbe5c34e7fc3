// ReceptionPolicy: what sessions go by: the configuration, and what is made from it once.
//
// Immutable; shared by all shards. A reload makes a new one; a session keeps the one under which it
// began.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "relay/config.h"
#include "relay/relay_permission.h"
#include "relay/route_resolver.h"
#include "relay/tenant.h"
#include "smtp/server_session.h"
#include "tls/server_context.h"

namespace sluice::relay {

// What the sessions of one [[listener]] share.
struct ListenerProfile {
  smtp::ServerSettings settings;
  RelayPermission permission;
  ReceivedDetail received;
};

// A tenant of the configuration.
struct TenantEntry {
  TenantSettings settings;
  Tenant* state;  // of the registry
};

class ReceptionPolicy {
 public:
  // Reads certificates, and makes the tenants that nobody named before. The error says which file
  // is wrong.
  static Result<std::shared_ptr<const ReceptionPolicy>> make(
      std::shared_ptr<const RelayConfig> config, TenantRegistry& tenants,
      std::shared_ptr<tls::TicketKeys> ticket_keys);

  // From now on this policy is in force: mail of whom it does not name is held.
  void tell_tenants(TenantRegistry& tenants) const;

  const RelayConfig& config() const { return *config_; }
  const ListenerProfile& listener(std::size_t index) const { return listeners_[index]; }
  // Whether mail of the tenant to the domain has a route, in some class at least.
  bool has_route(std::string_view domain, std::string_view tenant) const {
    return routes_.route_of({.domain = domain, .tenant = tenant}).has_value();
  }
  const TenantEntry* tenant(std::string_view name) const;  // null: not configured
  // Null: no listener has TLS.
  const std::shared_ptr<const tls::ServerContext>& tls() const { return tls_; }

 private:
  ReceptionPolicy(std::shared_ptr<const RelayConfig> config,
                  std::shared_ptr<const tls::ServerContext> tls, TenantRegistry& tenants);

  std::shared_ptr<const RelayConfig> config_;
  std::shared_ptr<const tls::ServerContext> tls_;
  std::vector<ListenerProfile> listeners_;
  RouteResolver routes_;
  std::unordered_map<std::string, TenantEntry> tenants_;
};

}  // namespace sluice::relay
