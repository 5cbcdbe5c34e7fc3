// ExchangeResolver: which hosts take a domain's mail, and where they are, as DNS says.
//
// Applies RFC 5321 §5.1 (smtp/exchange_hosts), and what the operator allows: no host is used that
// is this relay, or has only addresses that are not public. What DNS said is kept in the shared
// cache; this keeps nothing. One per shard.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "core/dns_cache.h"
#include "core/task.h"
#include "relay/config.h"
#include "relay/own_endpoints.h"
#include "smtp/exchange_hosts.h"
#include "smtp/reply.h"

namespace sluice::relay {

inline constexpr std::size_t kHostAddressesMax = 16;  // more are not tried

struct Exchanges {
  std::vector<smtp::ExchangeHost> hosts;  // the best first; at least one
  bool is_authentic;                      // DNS vouches for their names
};

// Why no host is known, as a reply: 5xx means that the domain gets no mail, 4xx that it is not
// known now.
struct NoExchanges {
  smtp::Reply reply;
  bool needs_confirmation = false;  // DNS knows no such domain or host, which may be its mistake
};

struct ExchangeAnswer {
  std::expected<Exchanges, NoExchanges> outcome;
  Instant until;  // it holds
};

class ExchangeResolver {
 public:
  ExchangeResolver(DnsCache& cache, const DnsAsker& asker) : cache_(cache), asker_(asker) {}

  // `domain` in lower case; it may be an address in brackets. What is referred to outlives the
  // call.
  Task<ExchangeAnswer> resolve(std::string domain, const RelayConfig& config,
                               const OwnEndpoints& ours);

  // The addresses of a host in the order in which they are tried, without those that are not
  // allowed: not_found when none is left.
  Task<Result<std::vector<Endpoint>>> addresses(std::string host, const DeliverySettings& delivery);

 private:
  // What is known of the addresses of one host.
  struct HostAddresses {
    std::vector<IpAddress> allowed = {};
    bool has_forbidden = false;
    std::string failure = {};  // of the look-up; empty: it answered
    Instant until = Instant::far_future();
  };
  // What of the hosts can be used.
  struct Selection {
    std::vector<smtp::ExchangeHost> usable = {};
    bool is_known = false;       // of one at least an address is
    bool has_forbidden = false;  // one has none but such as are not allowed
    bool is_ourselves = false;   // one is this relay: those as good or worse are left out
    std::string failure = {};    // of a look-up
  };
  static Selection select(const std::vector<smtp::ExchangeHost>& hosts,
                          const std::vector<HostAddresses>& found,
                          const std::function<bool(const IpAddress&)>& is_ours);
  static NoExchanges refusal_of(const Selection& selection, const std::string& name);
  Task<HostAddresses> look_up_host(std::string host, const DeliverySettings& delivery);
  Task<void> look_up_into(std::string host, const DeliverySettings& delivery, HostAddresses& found);
  Task<Result<KnownDnsAnswer>> look_up(std::string name, DnsType type);
  Task<ExchangeAnswer> check_hosts(Exchanges exchanges, Instant until, const RelayConfig& config,
                                   const OwnEndpoints& ours);
  std::vector<IpAddress> in_order(std::vector<IpAddress> v4, std::vector<IpAddress> v6,
                                  AddressPreference prefer);

  DnsCache& cache_;
  DnsAsker asker_;
};

}  // namespace sluice::relay
