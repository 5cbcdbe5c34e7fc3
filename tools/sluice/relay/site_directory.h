// SiteDirectory: the sites that DNS brought about, and which domains' mail goes there now.
//
// Domains whose mail is taken by the same hosts under the same route share a site: connections,
// limits, and what is known of the hosts. A site is found by its number, as those of the plan are;
// numbers from kSitesMax on are the directory's. What no shard has used for a while is forgotten,
// and numbers do not come again. For any thread.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "relay/dispatch_plan.h"
#include "smtp/exchange_hosts.h"

namespace sluice::relay {

// Sites at a time; a domain that needs one more waits.
inline constexpr std::size_t kExchangeSitesMax = 200'000;
// A site stays for so long after the last answer of DNS that led there has run out.
inline constexpr Duration kSiteForgotten = std::chrono::minutes(10);

class SiteDirectory {
 public:
  explicit SiteDirectory(std::size_t shards) : shards_(shards) {}

  // Where mail for a domain of that route goes until then; limit_exceeded when there are too many
  // sites. `route` is the number of the route's site in the plan, `planned` what it says.
  struct Route {
    std::size_t number;
    const PlannedSite& planned;
  };
  Result<std::size_t> learn(const Route& route, const std::string& domain,
                            const std::vector<smtp::ExchangeHost>& hosts, Instant until);

  // Nothing when it is not known, or not any more.
  struct Place {
    std::size_t site;
    Instant until;
  };
  std::optional<Place> place_of(std::size_t route, std::string_view domain, Instant now) const;

  // Nothing when the site has been forgotten.
  std::optional<PlannedSite> find(std::size_t site) const;

  // Looks at all there is: now and then, from one thread.
  void forget_idle(Instant now);

  std::size_t sites() const;

 private:
  struct Entry {
    PlannedSite planned;
    std::string key;
    Instant used_until;
  };
  static std::string key_of(std::size_t route, const std::vector<smtp::ExchangeHost>& hosts,
                            std::uint16_t port);
  PlannedSite make_site(const Route& route, const std::string& key,
                        const std::vector<smtp::ExchangeHost>& hosts) const;

  std::size_t shards_;
  mutable std::mutex mutex_;  // guards what follows
  std::size_t next_ = kSitesMax;
  std::unordered_map<std::size_t, Entry> sites_;
  std::unordered_map<std::string, std::size_t> number_by_key_;
  std::unordered_map<std::string, Place> places_;  // by route and domain
};

// How operators read a set of hosts: "mx.example.net", "(mx1|mx2).example.net".
std::string site_name(const std::vector<smtp::ExchangeHost>& hosts);

}  // namespace sluice::relay
