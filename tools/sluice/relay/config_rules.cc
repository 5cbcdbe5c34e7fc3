#include "relay/config_rules.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/config_value.h"
#include "relay/tenant.h"
#include "relay/user_rules.h"
#include "smtp/address.h"

namespace sluice::relay {

namespace {

class Rules {
 public:
  Rules(const RelayConfig& config, const ConfigNode& document, ConfigProblems& problems)
      : config_(config), document_(document), problems_(problems) {}

  void check_node();
  void check_listeners();
  void check_tls();
  void check_tenants();
  void check_routes();
  void check_delivery();
  void check_retries();

 private:
  // Where the items of a list stand: "route[0].domains[1]", or "route[0].domains" for a single one.
  std::string item_key(const std::string& list, std::size_t count, std::size_t index) const;
  void report(const std::string& key, std::string sentence);
  void check_route(const RouteSettings& route, const std::string& path);
  void check_pattern(const std::string& pattern, const RouteSettings& route,
                     const std::string& key);
  void check_smart_host(const SmartHost& host, const std::string& key);
  void check_security(const RouteSettings& route, const std::string& path);
  void check_retry(const RetrySettings& retry, const std::string& path);

  const RelayConfig& config_;
  const ConfigNode& document_;
  ConfigProblems& problems_;
  // With the tenants and classes they are for, and the keys that set them.
  std::map<std::string, std::string> patterns_;
};

void Rules::report(const std::string& key, std::string sentence) {
  if (problems_.concern(key)) return;
  problems_.add(place_of(document_, key), key, std::move(sentence));
}

std::string Rules::item_key(const std::string& list, std::size_t count, std::size_t index) const {
  const bool may_be_single = count == 1;
  if (may_be_single &&
      place_of(document_, list + "[0]").to_string() == place_of(document_, list).to_string()) {
    return list;
  }
  return fmt::format("{}[{}]", list, index);
}

void Rules::check_node() {
  if (!config_.hostname.empty() && !smtp::is_valid_domain(config_.hostname)) {
    report("hostname", fmt::format("found {}, expected a full name such as \"mail.example.com\"",
                                   quote_config_text(config_.hostname)));
  }
  if (config_.spool.empty()) report("spool", "found \"\", expected a directory");
  constexpr std::size_t kSocketPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;
  if (config_.admin.socket.size() > kSocketPathBytesMax) {
    report("admin.socket",
           fmt::format("found a path of {} bytes, expected at most {} (the kernel's limit)",
                       config_.admin.socket.size(), kSocketPathBytesMax));
  }
}

void Rules::check_listeners() {
  if (config_.listeners.empty()) {
    report("listener",
           "found none, expected at least one: add [[listener]] with address = "
           "\"127.0.0.1:2525\", or start with --listen 127.0.0.1:2525");
  }
  std::map<Endpoint, std::string> seen;
  for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
    const auto& addresses = config_.listeners[i].address;
    const std::string key = fmt::format("listener[{}].address", i);
    if (addresses.empty()) report(key, "found none, expected an address such as \"0.0.0.0:25\"");
    for (std::size_t k = 0; k < addresses.size(); ++k) {
      if (addresses[k].port == 0) continue;  // the kernel chooses, each time another one
      const std::string item = item_key(key, addresses.size(), k);
      const auto [first, is_new] = seen.try_emplace(addresses[k], item);
      if (is_new) continue;
      report(item,
             fmt::format("found {} twice, first as {}", addresses[k].to_string(), first->second));
    }
  }
}

void Rules::check_tls() {
  const auto& certificates = config_.tls.certificates;
  for (std::size_t i = 0; i < certificates.size(); ++i) {
    const std::string path = fmt::format("tls.certificates[{}]", i);
    if (certificates[i].certificate.empty()) report(path + ".certificate", "expected a file");
    if (certificates[i].key.empty()) report(path + ".key", "expected a file");
  }
  for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
    const ListenerSettings& listener = config_.listeners[i];
    const bool has_tls = listener.tls != smtp::TlsPolicy::none;
    const bool has_auth = listener.auth != smtp::AuthPolicy::off;
    if (has_tls && certificates.empty()) {
      report(fmt::format("listener[{}].tls", i),
             "found a listener with TLS and no certificate, expected [tls] with certificates = [{ "
             "certificate = \"FILE\", key = \"FILE\" }]");
    }
    if (has_auth && !has_tls && !listener.auth_without_tls) {
      report(fmt::format("listener[{}].auth", i),
             "found AUTH without TLS, expected tls = \"starttls\", \"required\" or \"implicit\" "
             "(or auth_without_tls = true, which sends passwords in clear)");
    }
  }
}

void Rules::check_tenants() {
  constexpr Duration kDay = std::chrono::hours(24);
  std::map<std::string, std::string> seen;
  for (std::size_t i = 0; i < config_.tenants.size(); ++i) {
    const TenantSettings& tenant = config_.tenants[i];
    const std::string path = fmt::format("tenant[{}]", i);
    if (!is_valid_tenant_name(tenant.name)) {
      report(path + ".name",
             fmt::format("found {}, expected 1 to {} letters, digits, dots, hyphens or underscores",
                         quote_config_text(tenant.name), kTenantNameBytesMax));
    }
    const auto [first, is_new] = seen.try_emplace(tenant.name, path);
    if (!is_new) {
      report(path + ".name", fmt::format("found {} twice, first in {}",
                                         quote_config_text(tenant.name), first->second));
    }
    if (tenant.klass == MessageClass::dsn) {
      report(path + ".class",
             fmt::format("found \"dsn\", expected {}", list_names(kSubmittedClassNames)));
    }
    const bool is_daily = tenant.quota && tenant.quota->period == kDay && !tenant.quota->max_burst;
    if (tenant.quota && !is_daily) {
      report(path + ".quota",
             fmt::format("found \"{}\", expected an amount per day such as \"500k/day\"",
                         show_rate(*tenant.quota)));
    }
  }
}

void Rules::check_routes() {
  for (std::size_t i = 0; i < config_.routes.size(); ++i) {
    check_route(config_.routes[i], fmt::format("route[{}]", i));
  }
}

void Rules::check_route(const RouteSettings& route, const std::string& path) {
  const std::string domains = path + ".domains";
  const std::string hosts = path + ".smart_hosts";
  if (route.domains.empty()) report(domains, "found none, expected a pattern such as \"*\"");
  for (std::size_t i = 0; i < route.domains.size(); ++i) {
    check_pattern(route.domains[i], route, item_key(domains, route.domains.size(), i));
  }
  for (const std::string& tenant : route.tenants) {
    if (std::ranges::find(config_.tenants, tenant, &TenantSettings::name) !=
        config_.tenants.end()) {
      continue;
    }
    report(path + ".tenants",
           fmt::format("found {}, expected the name of a [[tenant]]", quote_config_text(tenant)));
  }
  for (std::size_t i = 0; i < route.smart_hosts.size(); ++i) {
    check_smart_host(route.smart_hosts[i], item_key(hosts, route.smart_hosts.size(), i));
  }
  check_security(route, path);
}

void Rules::check_security(const RouteSettings& route, const std::string& path) {
  const TransportTls tls = route.tls.value_or(config_.delivery.tls);
  if (route.smart_hosts.empty() && !route.username.empty()) {
    report(path + ".username",
           "found a login on a route without smart_hosts, expected it where the host is named");
  }
  if (route.smart_hosts.empty() && route.tls == TransportTls::implicit) {
    report(path + ".tls",
           "found \"implicit\" on a route without smart_hosts, expected another value: hosts that "
           "DNS names speak STARTTLS");
  }
  if (route.username.empty() != !route.password.has_value()) {
    report(path + (route.username.empty() ? ".username" : ".password"),
           "found none, expected username and password together");
  }
  const bool may_be_clear = tls == TransportTls::none || tls == TransportTls::opportunistic;
  if (!route.username.empty() && may_be_clear) {
    report(path + ".username",
           "found a login that may go out in clear, expected tls = \"verified\", \"implicit\" or "
           "\"required\" on this route");
  }
  const bool is_verified = tls == TransportTls::verified || route.tls == TransportTls::implicit;
  for (const SmartHost& host : route.smart_hosts) {
    if (!is_verified || !IpAddress::parse(host.host)) continue;
    report(path + ".smart_hosts",
           fmt::format("found the address {}, expected a name: tls = \"verified\" and \"implicit\" "
                       "check the name in the host's certificate",
                       host.host));
  }
}

void Rules::check_delivery() {
  if (config_.delivery.tls == TransportTls::implicit) {
    report("delivery.tls", "found \"implicit\", expected it on the [[route]] whose hosts speak so");
  }
}

void Rules::check_pattern(const std::string& pattern, const RouteSettings& route,
                          const std::string& key) {
  std::string_view domain = pattern;
  if (domain.starts_with("*.")) domain.remove_prefix(2);
  const bool is_valid = pattern == "*" || (smtp::is_valid_domain(domain) && domain[0] != '[');
  if (!is_valid) {
    report(key, fmt::format("found {}, expected \"example.net\", \"*.example.net\" or \"*\"",
                            quote_config_text(pattern)));
    return;
  }
  std::string whose = pattern;  // two routes may share a pattern that serve others
  for (const std::string& tenant : route.tenants) whose += "\n" + tenant;
  for (const MessageClass klass : route.classes) whose += fmt::format("\n\n{}", name_of(klass));
  const auto [first, is_new] = patterns_.try_emplace(std::move(whose), key);
  if (!is_new) {
    report(key,
           fmt::format("found {} twice, first as {}", quote_config_text(pattern), first->second));
  }
}

// Mail sent to our own listener comes back until it has too many Received headers.
void Rules::check_smart_host(const SmartHost& host, const std::string& key) {
  const auto address = IpAddress::parse(host.host);
  if (!address) return;
  for (const ListenerSettings& listener : config_.listeners) {
    const auto is_listener = [&](const Endpoint& endpoint) {
      return endpoint.address == *address && endpoint.port == host.port;
    };
    if (std::ranges::any_of(listener.address, is_listener)) {
      report(key, "found this relay's own listener, expected another relay");
    }
  }
}

void Rules::check_retries() {
  std::map<MessageClass, std::string> seen;
  for (std::size_t i = 0; i < config_.retries.size(); ++i) {
    const RetrySettings& retry = config_.retries[i];
    const std::string path = fmt::format("retry[{}]", i);
    const auto [first, is_new] = seen.try_emplace(retry.klass, path);
    if (!is_new) {
      report(path + ".class",
             fmt::format("found \"{}\" twice, first in {}", name_of(retry.klass), first->second));
    }
    check_retry(retry, path);
  }
}

void Rules::check_retry(const RetrySettings& retry, const std::string& path) {
  const bool first_is_known = !problems_.concern(path + ".first");
  if (first_is_known && retry.max < retry.first) {
    report(path + ".max", fmt::format("found {}, expected at least first, {}",
                                      show_duration(retry.max), show_duration(retry.first)));
  }
  if (first_is_known && retry.expire < retry.first) {
    report(path + ".expire", fmt::format("found {}, expected at least first, {}",
                                         show_duration(retry.expire), show_duration(retry.first)));
  }
}

}  // namespace

void check_config_rules(const RelayConfig& config, const ConfigNode& document,
                        ConfigProblems& problems) {
  Rules rules(config, document, problems);
  rules.check_node();
  rules.check_listeners();
  rules.check_tls();
  rules.check_tenants();
  rules.check_routes();
  rules.check_delivery();
  rules.check_retries();
  UserNames names;
  check_user_rules(config.users, document, names, problems);
}

}  // namespace sluice::relay
