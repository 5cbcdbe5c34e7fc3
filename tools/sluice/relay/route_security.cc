#include "relay/route_security.h"

#include <algorithm>
#include <utility>

namespace sluice::relay {
namespace {

TransportTls tls_of(const RouteSettings& route, const RelayConfig& config) {
  return route.tls.value_or(config.delivery.tls);
}

bool is_verified(TransportTls tls) {
  return tls == TransportTls::verified || tls == TransportTls::implicit;
}

}  // namespace

Result<ClientContexts> ClientContexts::make(const RelayConfig& config) {
  tls::ClientSettings settings{.verification = tls::Verification::none,
                               .version_min = config.delivery.tls_min_version};
  ClientContexts contexts;
  SLUICE_TRY(unverified, tls::ClientContext::make(settings));
  contexts.unverified_ = std::move(unverified);
  const auto verifies = [&config](const RouteSettings& route) {
    return is_verified(tls_of(route, config));
  };
  if (std::ranges::none_of(config.routes, verifies)) return contexts;
  settings.verification = tls::Verification::chain_and_name;
  settings.authorities_file = config.tls.ca;
  auto verified = tls::ClientContext::make(settings);
  if (!verified) return std::unexpected(std::move(verified).error().within("tls.ca"));
  contexts.verified_ = *std::move(verified);
  return contexts;
}

RouteSecurity ClientContexts::security_of(const RouteSettings& route,
                                          const RelayConfig& config) const {
  RouteSecurity security{.tls = tls_of(route, config)};
  if (security.tls != TransportTls::none) {
    security.context = is_verified(security.tls) ? verified_ : unverified_;
  }
  if (route.password) {
    security.login = smtp::ClientLogin{.user = route.username, .password = route.password->value};
  }
  return security;
}

}  // namespace sluice::relay
