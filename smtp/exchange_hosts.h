// exchange_hosts: which hosts take the mail of a domain, from what DNS says of it (RFC 5321 §5.1,
// RFC 7505). Pure: it looks nothing up, and whether a host can be reached is not its matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/dns_answer.h"

namespace sluice::smtp {

// More hosts of a domain are not used: the best ones count.
inline constexpr std::size_t kExchangeHostsMax = 20;

struct ExchangeHost {
  std::string name;  // in lower case
  std::uint16_t preference;

  friend bool operator==(const ExchangeHost&, const ExchangeHost&) = default;
};

enum class ExchangeVerdict : std::uint8_t {
  found,
  takes_no_mail,  // a null MX (RFC 7505 §3)
  no_good_name,   // every record names something that is no host
  is_ourselves,   // the best host is this relay: mail would come back (RFC 5321 §5.1)
};

struct ExchangeHosts {
  ExchangeVerdict verdict;
  std::vector<ExchangeHost> hosts = {};  // the best first, equal ones by name, each once
};

// Without records the domain is its own host (the implicit MX). `is_ours` tells whether a name is
// that of this relay: such a host is not used, and no other that is as good or worse.
ExchangeHosts exchange_hosts(const std::string& domain, std::span<const MxRecord> records,
                             const std::function<bool(const std::string&)>& is_ours);

// The hosts without the one at `index`, which turned out to be this relay, and without those that
// are as good or worse.
void cut_at_ourselves(std::vector<ExchangeHost>& hosts, std::size_t index);

}  // namespace sluice::smtp
