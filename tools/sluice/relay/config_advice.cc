#include "relay/config_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "relay/route_security.h"
#include "tls/certificate.h"

namespace sluice::relay {
namespace {

// Public addresses of different owners: a network that holds two of them is the internet.
constexpr std::array kStrangers = {"1.1.1.1",
                                   "8.8.8.8",
                                   "77.88.8.8",
                                   "101.101.101.101",
                                   "149.112.112.112",
                                   "208.67.222.222",
                                   "2001:4860:4860::8888",
                                   "2606:4700:4700::1111",
                                   "2a02:6b8::feed:ff"};

bool is_open_to_the_world(const IpNetwork& network) {
  return std::ranges::count_if(kStrangers, [&network](const char* text) {
           const auto address = IpAddress::parse(text);
           return address && network.contains(*address);
         }) >= 2;
}

void look_at_listeners(const RelayConfig& config, ConfigAdvice& advice) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const auto& networks = config.listeners[i].relay_networks;
    if (!networks) continue;
    for (const IpNetwork& network : *networks) {
      if (!is_open_to_the_world(network)) continue;
      advice.warnings.push_back(
          fmt::format("listener[{}].relay_networks: {} lets anyone on the internet relay through "
                      "this listener: name your own networks, or let users log in (auth)",
                      i, network.to_string()));
    }
  }
}

// Not an error: a tenant may leave while his users stay, and his mail is held then.
void look_at_users(const RelayConfig& config, ConfigAdvice& advice) {
  for (std::size_t i = 0; i < config.users.size(); ++i) {
    const std::string& tenant = config.users[i].tenant;
    if (tenant.empty()) continue;
    const auto found = std::ranges::find(config.tenants, tenant, &TenantSettings::name);
    if (found != config.tenants.end()) continue;
    advice.warnings.push_back(
        fmt::format("user[{}].tenant: there is no [[tenant]] with the name {}: mail of the user {} "
                    "is refused until there is one",
                    i, quote_config_text(tenant), quote_config_text(config.users[i].name)));
  }
}

void look_at_certificates(const RelayConfig& config, WallTime now, ConfigAdvice& advice) {
  for (std::size_t i = 0; i < config.tls.certificates.size(); ++i) {
    const CertificateSettings& files = config.tls.certificates[i];
    const std::string key = fmt::format("tls.certificates[{}]: ", i);
    const auto certificate = tls::Certificate::load(files.certificate, files.key);
    if (!certificate) {
      advice.problems.push_back(key + certificate.error().sentence());
    } else if (auto expiry = certificate->expiry_problem(now)) {
      advice.warnings.push_back(key + *std::move(expiry));
    }
  }
}

void look_at_authorities(const RelayConfig& config, ConfigAdvice& advice) {
  if (const auto contexts = ClientContexts::make(config); !contexts) {
    advice.problems.push_back(contexts.error().sentence());
  }
}

}  // namespace

ConfigAdvice advise(const RelayConfig& config, WallTime now) {
  ConfigAdvice advice;
  look_at_listeners(config, advice);
  look_at_users(config, advice);
  look_at_certificates(config, now, advice);
  look_at_authorities(config, advice);
  return advice;
}

}  // namespace sluice::relay
