#include "relay/exchange_resolver.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "core/shard.h"
#include "smtp/ascii.h"

namespace sluice::relay {
namespace {

// How long what is wrong on our side of DNS, or of the domain's, holds.
constexpr Duration kVerdictKept = std::chrono::minutes(5);

NoExchanges wait_for_dns(std::string_view what, std::string_view why) {
  return {.reply = smtp::reply(451, {4, 4, 3}, fmt::format("{}: {}", what, why))};
}

NoExchanges no_such_domain(std::string text) {
  return {.reply = smtp::reply(550, {5, 1, 2}, std::move(text)), .needs_confirmation = true};
}

// RFC 5321 §4.1.3: "[192.0.2.1]", "[IPv6:2001:db8::1]".
std::optional<IpAddress> literal_of(std::string_view domain) {
  if (!domain.starts_with('[') || !domain.ends_with(']')) return std::nullopt;
  domain = domain.substr(1, domain.size() - 2);
  constexpr std::string_view kV6Tag = "ipv6:";
  if (domain.starts_with(kV6Tag)) domain.remove_prefix(kV6Tag.size());
  const auto address = IpAddress::parse(domain);
  return address ? std::optional(*address) : std::nullopt;
}

std::optional<NoExchanges> verdict_of(smtp::ExchangeVerdict verdict, const std::string& domain) {
  switch (verdict) {
    case smtp::ExchangeVerdict::found:
      return std::nullopt;
    case smtp::ExchangeVerdict::takes_no_mail:  // RFC 7505 §4.1
      return NoExchanges{
          .reply = smtp::reply(556, {5, 1, 10}, fmt::format("{} takes no mail (null MX)", domain))};
    case smtp::ExchangeVerdict::no_good_name:
      return NoExchanges{
          .reply = smtp::reply(550, {5, 4, 4},
                               fmt::format("the MX records of {} name no valid host", domain)),
          .needs_confirmation = true};
    case smtp::ExchangeVerdict::is_ourselves:
      return NoExchanges{
          .reply = smtp::reply(554, {5, 4, 6},
                               fmt::format("the best host of {} is this relay itself", domain))};
  }
  return std::nullopt;
}

bool is_allowed(const IpAddress& address, const DeliverySettings& delivery) {
  return address.is_public() ||
         std::ranges::any_of(delivery.allow_networks, [&address](const IpNetwork& network) {
           return network.contains(address);
         });
}

}  // namespace

Task<Result<KnownDnsAnswer>> ExchangeResolver::look_up(std::string name, DnsType type) {
  DnsQuestion question{.name = std::move(name), .type = type};
  co_return co_await cache_.look_up(asker_, std::move(question));
}

Task<ExchangeAnswer> ExchangeResolver::resolve(std::string domain, const RelayConfig& config,
                                               const OwnEndpoints& ours) {
  const Instant soon = asker_.shard.clock().now() + kVerdictKept;
  if (const auto literal = literal_of(domain)) {
    Exchanges exchanges{.hosts = {}, .is_authentic = false};
    exchanges.hosts.push_back({.name = literal->to_string(), .preference = 0});
    co_return co_await check_hosts(std::move(exchanges), soon, config, ours);
  }
  const auto name = normal_dns_name(domain);
  if (!name) {
    NoExchanges refused = no_such_domain(domain + " is no domain: " + name.error().sentence());
    refused.needs_confirmation = false;
    co_return ExchangeAnswer{std::unexpected(std::move(refused)), soon};
  }
  auto known = co_await look_up(*name, DnsType::mx);
  if (!known) {
    NoExchanges unknown = wait_for_dns("MX of " + *name, known.error().sentence());
    co_return ExchangeAnswer{std::unexpected(std::move(unknown)), asker_.shard.clock().now()};
  }
  const DnsAnswer& answer = *known->answer;
  if (answer.status == DnsStatus::no_such_name) {
    NoExchanges missing = no_such_domain(fmt::format("the domain {} does not exist", *name));
    co_return ExchangeAnswer{std::unexpected(std::move(missing)), known->until};
  }
  const auto is_ours = [&config](const std::string& host) {
    return std::ranges::equal(host, config.hostname, {}, {}, smtp::to_lower);
  };
  auto found = smtp::exchange_hosts(*name, answer.exchanges, is_ours);
  if (auto refusal = verdict_of(found.verdict, *name)) {
    co_return ExchangeAnswer{std::unexpected(*std::move(refusal)), known->until};
  }
  Exchanges exchanges{.hosts = std::move(found.hosts), .is_authentic = answer.is_authentic};
  co_return co_await check_hosts(std::move(exchanges), known->until, config, ours);
}

// Looks the hosts up together, and leaves out those that cannot be used. What cannot be known now
// stays: a connection will be tried there, or not, when its time comes.
Task<ExchangeAnswer> ExchangeResolver::check_hosts(Exchanges exchanges, Instant until,
                                                   const RelayConfig& config,
                                                   const OwnEndpoints& ours) {
  std::vector<HostAddresses> found(exchanges.hosts.size());
  TaskScope scope(asker_.shard.run_queue());
  for (std::size_t i = 0; i < found.size(); ++i) {
    scope.spawn(look_up_into(exchanges.hosts[i].name, config.delivery, found[i]));
  }
  co_await scope.join();

  for (const HostAddresses& host : found) until = std::min(until, host.until);
  Selection selection = select(exchanges.hosts, found, [&](const IpAddress& address) {
    return ours.contain(Endpoint{address, config.delivery.port});
  });
  if (selection.is_known) {
    exchanges.hosts = std::move(selection.usable);
    co_return ExchangeAnswer{std::move(exchanges), until};
  }
  if (!selection.failure.empty()) until = asker_.shard.clock().now();
  NoExchanges none = refusal_of(selection, exchanges.hosts.front().name);
  co_return ExchangeAnswer{std::unexpected(std::move(none)), until};
}

ExchangeResolver::Selection ExchangeResolver::select(
    const std::vector<smtp::ExchangeHost>& hosts, const std::vector<HostAddresses>& found,
    const std::function<bool(const IpAddress&)>& is_ours) {
  Selection selection;
  std::uint32_t own_preference = UINT32_MAX;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (std::ranges::none_of(found[i].allowed, is_ours)) continue;
    own_preference = hosts[i].preference;  // they stand in the order of preference
    selection.is_ourselves = true;
    break;
  }
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const HostAddresses& host = found[i];
    if (hosts[i].preference >= own_preference) break;
    if (!host.allowed.empty()) selection.is_known = true;
    if (host.allowed.empty() && host.has_forbidden) selection.has_forbidden = true;
    if (!host.failure.empty()) selection.failure = hosts[i].name + ": " + host.failure;
    const bool may_have_address = !host.allowed.empty() || !host.failure.empty();
    if (may_have_address) selection.usable.push_back(hosts[i]);
  }
  return selection;
}

// No host has an address that is known and may be used.
NoExchanges ExchangeResolver::refusal_of(const Selection& selection, const std::string& name) {
  if (!selection.failure.empty()) return wait_for_dns("addresses of hosts", selection.failure);
  if (selection.is_ourselves) return *verdict_of(smtp::ExchangeVerdict::is_ourselves, name);
  if (selection.has_forbidden) {
    return {.reply = smtp::reply(550, {5, 4, 4},
                                 fmt::format("{} has only addresses to which this relay does not "
                                             "deliver (delivery.allow_networks)",
                                             name))};
  }
  NoExchanges none = no_such_domain(fmt::format("{} has no address", name));
  none.reply.enhanced = {5, 4, 4};
  return none;
}

Task<void> ExchangeResolver::look_up_into(std::string host, const DeliverySettings& delivery,
                                          HostAddresses& found) {
  found = co_await look_up_host(std::move(host), delivery);
}

Task<ExchangeResolver::HostAddresses> ExchangeResolver::look_up_host(
    std::string host, const DeliverySettings& delivery) {
  HostAddresses found;
  Instant none_until = Instant::far_future();
  std::vector<IpAddress> v4;
  std::vector<IpAddress> v6;
  if (const auto address = IpAddress::parse(host)) {
    (address->is_v4() ? v4 : v6).push_back(*address);
  } else {
    for (const DnsType type : {DnsType::a, DnsType::aaaa}) {
      auto known = co_await look_up(host, type);
      if (!known) {
        found.failure = known.error().sentence();
        continue;
      }
      const bool is_found = known->answer->status == DnsStatus::found;
      auto& until = is_found ? found.until : none_until;
      until = std::min(until, known->until);
      auto& addresses = type == DnsType::a ? v4 : v6;
      addresses = known->answer->addresses;
    }
  }
  // That there are no addresses of one kind matters only where there are none of the other.
  if (v4.empty() && v6.empty()) found.until = none_until;
  for (const IpAddress& address : in_order(std::move(v4), std::move(v6), delivery.prefer)) {
    if (!is_allowed(address, delivery)) {
      found.has_forbidden = true;
    } else if (found.allowed.size() < kHostAddressesMax) {
      found.allowed.push_back(address);
    }
  }
  // With an address of one kind, the other kind is not missed.
  if (!found.allowed.empty()) found.failure.clear();
  co_return found;
}

// Each kind in random order, so that the load is spread; the preferred kind first, or the kinds in
// turns.
std::vector<IpAddress> ExchangeResolver::in_order(std::vector<IpAddress> v4,
                                                  std::vector<IpAddress> v6,
                                                  AddressPreference prefer) {
  for (auto* kind : {&v4, &v6}) {
    for (std::size_t i = kind->size(); i > 1; --i) {
      std::swap((*kind)[i - 1], (*kind)[asker_.shard.random().below(i)]);
    }
  }
  const bool is_v6_first =
      prefer == AddressPreference::ipv6 ||
      (prefer == AddressPreference::both && asker_.shard.random().below(2) == 1);
  const auto& first = is_v6_first ? v6 : v4;
  const auto& second = is_v6_first ? v4 : v6;
  std::vector<IpAddress> order;
  if (prefer != AddressPreference::both) {
    order = first;
    order.insert(order.end(), second.begin(), second.end());
    return order;
  }
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) order.push_back(first[i]);
    if (i < second.size()) order.push_back(second[i]);
  }
  return order;
}

Task<Result<std::vector<Endpoint>>> ExchangeResolver::addresses(std::string host,
                                                                const DeliverySettings& delivery) {
  const HostAddresses found = co_await look_up_host(host, delivery);
  if (found.allowed.empty()) {
    if (!found.failure.empty()) co_return fail(ErrorCode::refused, found.failure);
    const char* const why = found.has_forbidden ? " has no public address" : " has no address";
    co_return fail(ErrorCode::not_found, host + why);
  }
  std::vector<Endpoint> endpoints;
  endpoints.reserve(found.allowed.size());
  for (const IpAddress& address : found.allowed) {
    endpoints.push_back(Endpoint{address, delivery.port});
  }
  co_return endpoints;
}

}  // namespace sluice::relay
