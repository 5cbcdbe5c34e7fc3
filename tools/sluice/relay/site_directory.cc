#include "relay/site_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "core/assert.h"

namespace sluice::relay {
namespace {

constexpr std::size_t kSiteNameBytesMax = 200;

std::string place_key(std::size_t route, std::string_view domain) {
  return fmt::format("{}/{}", route, domain);
}

// The longest end that begins at a label and that all names have.
std::string_view common_end(const std::vector<smtp::ExchangeHost>& hosts) {
  std::string_view end = hosts.front().name;
  for (const smtp::ExchangeHost& host : hosts) {
    const auto ends_so = [&host](std::string_view text) {
      if (!host.name.ends_with(text)) return false;
      const std::size_t rest = host.name.size() - text.size();
      return rest == 0 || host.name[rest - 1] == '.';
    };
    while (!end.empty() && !ends_so(end)) {
      const std::size_t dot = end.find('.');
      end = dot == std::string_view::npos ? std::string_view() : end.substr(dot + 1);
    }
  }
  return end;
}

}  // namespace

std::string site_name(const std::vector<smtp::ExchangeHost>& hosts) {
  SLUICE_ASSERT(!hosts.empty(), "a site has hosts");
  if (hosts.size() == 1) return hosts.front().name;
  const std::string_view end = common_end(hosts);
  std::string begins;
  bool is_also_end = false;  // one host has the common end alone as its name
  for (const smtp::ExchangeHost& host : hosts) {
    std::string_view begin = host.name;
    begin.remove_suffix(end.size());
    if (begin.ends_with('.')) begin.remove_suffix(1);
    if (begin.empty()) {
      is_also_end = true;
    } else {
      begins += begins.empty() ? "" : "|";
      begins += begin;
    }
  }
  std::string name =
      fmt::format("({}){}{}{}", begins, is_also_end ? "?" : "", end.empty() ? "" : ".", end);
  if (name.size() > kSiteNameBytesMax) {
    name = fmt::format("{} and {} more", hosts.front().name, hosts.size() - 1);
  }
  return name;
}

std::string SiteDirectory::key_of(std::size_t route, const std::vector<smtp::ExchangeHost>& hosts,
                                  std::uint16_t port) {
  std::string key = fmt::format("{}:{}", route, port);
  std::uint16_t last = hosts.front().preference;
  for (const smtp::ExchangeHost& host : hosts) {
    // Only the order counts, not the numbers that give it.
    key += std::exchange(last, host.preference) == host.preference ? " " : ", ";
    key += host.name;
  }
  return key;
}

PlannedSite SiteDirectory::make_site(const Route& route, const std::string& key,
                                     const std::vector<smtp::ExchangeHost>& hosts) const {
  const RelayConfig& config = *route.planned.config;
  std::vector<SiteHost> ranked;
  for (const smtp::ExchangeHost& host : hosts) {
    const bool is_equal = !ranked.empty() && hosts[ranked.size() - 1].preference == host.preference;
    const std::size_t rank = ranked.empty() ? 0 : ranked.back().rank + (is_equal ? 0 : 1);
    ranked.push_back(
        SiteHost{.address = {.host = host.name, .port = config.delivery.port}, .rank = rank});
  }
  const ShardId home(static_cast<std::uint16_t>(std::hash<std::string>()(key) % shards_));
  auto site =
      std::make_shared<Site>(site_name(hosts), std::move(ranked), route.planned.connections, home);
  return PlannedSite{.kind = SiteKind::exchange,
                     .site = std::move(site),
                     .config = route.planned.config,
                     .security = route.planned.security,
                     .connections = route.planned.connections,
                     .route = route.number};
}

Result<std::size_t> SiteDirectory::learn(const Route& route, const std::string& domain,
                                         const std::vector<smtp::ExchangeHost>& hosts,
                                         Instant until) {
  const std::string key = key_of(route.number, hosts, route.planned.config->delivery.port);
  const std::lock_guard lock(mutex_);
  auto known = number_by_key_.find(key);
  if (known == number_by_key_.end()) {
    if (sites_.size() >= kExchangeSitesMax) {
      return fail(ErrorCode::limit_exceeded, "too many sites have mail at once");
    }
    sites_.emplace(next_,
                   Entry{.planned = make_site(route, key, hosts), .key = key, .used_until = until});
    known = number_by_key_.emplace(key, next_++).first;
  }
  Entry& entry = sites_.at(known->second);
  entry.used_until = std::max(entry.used_until, until);
  places_.insert_or_assign(place_key(route.number, domain),
                           Place{.site = known->second, .until = until});
  return known->second;
}

std::optional<SiteDirectory::Place> SiteDirectory::place_of(std::size_t route,
                                                            std::string_view domain,
                                                            Instant now) const {
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(place_key(route, domain));
  if (place == places_.end() || place->second.until <= now) return std::nullopt;
  return place->second;
}

std::optional<PlannedSite> SiteDirectory::find(std::size_t site) const {
  const std::lock_guard lock(mutex_);
  const auto entry = sites_.find(site);
  return entry == sites_.end() ? std::nullopt : std::optional(entry->second.planned);
}

// Whether a shard uses a site shows by the references to it.
void SiteDirectory::forget_idle(Instant now) {
  const std::lock_guard lock(mutex_);
  std::erase_if(places_, [now](const auto& place) { return place.second.until <= now; });
  for (auto entry = sites_.begin(); entry != sites_.end();) {
    const bool is_used = entry->second.planned.site.use_count() > 1 ||
                         entry->second.used_until + kSiteForgotten > now;
    if (is_used) {
      ++entry;
      continue;
    }
    number_by_key_.erase(entry->second.key);
    entry = sites_.erase(entry);
  }
}

std::size_t SiteDirectory::sites() const {
  const std::lock_guard lock(mutex_);
  return sites_.size();
}

}  // namespace sluice::relay
