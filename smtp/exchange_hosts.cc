#include "smtp/exchange_hosts.h"

#include <algorithm>
#include <tuple>
#include <unordered_set>

#include "core/assert.h"
#include "core/ip_address.h"

namespace sluice::smtp {
namespace {

// An address is a common mistake in the place of a name; it has no address records.
bool is_host_name(const std::string& name) {
  return normal_dns_name(name).has_value() && !IpAddress::parse(name).has_value();
}

bool is_before(const ExchangeHost& a, const ExchangeHost& b) {
  return std::tie(a.preference, a.name) < std::tie(b.preference, b.name);
}

void keep_each_once(std::vector<ExchangeHost>& hosts) {
  std::unordered_set<std::string> seen;
  std::erase_if(hosts,
                [&seen](const ExchangeHost& host) { return !seen.insert(host.name).second; });
}

}  // namespace

void cut_at_ourselves(std::vector<ExchangeHost>& hosts, std::size_t index) {
  SLUICE_ASSERT(index < hosts.size(), "one of the hosts");
  const std::uint16_t preference = hosts[index].preference;
  std::erase_if(hosts, [preference](const auto& host) { return host.preference >= preference; });
}

ExchangeHosts exchange_hosts(const std::string& domain, std::span<const MxRecord> records,
                             const std::function<bool(const std::string&)>& is_ours) {
  std::vector<ExchangeHost> hosts;
  if (records.empty()) hosts.push_back(ExchangeHost{.name = domain, .preference = 0});
  // RFC 7505 §3: a null MX stands alone; beside other records it means nothing.
  if (records.size() == 1 && records[0].exchange.empty()) {
    return {.verdict = ExchangeVerdict::takes_no_mail};
  }
  for (const MxRecord& record : records) {
    if (!is_host_name(record.exchange)) continue;
    hosts.push_back(ExchangeHost{.name = record.exchange, .preference = record.preference});
  }
  if (hosts.empty()) return {.verdict = ExchangeVerdict::no_good_name};
  std::ranges::sort(hosts, is_before);
  keep_each_once(hosts);
  const auto ourselves = std::ranges::find_if(
      hosts, [&is_ours](const ExchangeHost& host) { return is_ours(host.name); });
  if (ourselves != hosts.end()) {
    cut_at_ourselves(hosts, static_cast<std::size_t>(ourselves - hosts.begin()));
  }
  if (hosts.empty()) return {.verdict = ExchangeVerdict::is_ourselves};
  if (hosts.size() > kExchangeHostsMax) hosts.resize(kExchangeHostsMax, hosts.front());
  return {.verdict = ExchangeVerdict::found, .hosts = std::move(hosts)};
}

}  // namespace sluice::smtp
