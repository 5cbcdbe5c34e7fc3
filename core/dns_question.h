// DnsQuestion: what the domain name system is asked, and the query that asks it. Pure.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/ip_address.h"

namespace sluice {

// RFC 1035 §3.2.2, RFC 3596, RFC 6698 §7.1.
enum class DnsType : std::uint16_t {
  a = 1,
  cname = 5,
  soa = 6,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  tlsa = 52
};

// "MX", for sentences.
std::string_view name_of(DnsType type);

inline constexpr std::size_t kDnsNameBytesMax =
    253;  // as text without the last dot (RFC 1035 §2.3.4)
inline constexpr std::size_t kDnsLabelBytesMax = 63;
// What a server may send in one datagram: more would be cut into fragments, which get lost.
inline constexpr std::uint16_t kDnsDatagramBytesMax = 1232;

struct DnsQuestion {
  std::string name;  // in lower case, without the last dot
  DnsType type;

  friend auto operator<=>(const DnsQuestion&, const DnsQuestion&) = default;
};

// The name in the form that questions and answers use. A syntax Error when it is none that a query
// could hold: an empty label, too long a label or name. An underscore is fine, other than
// printable ASCII is not.
Result<std::string> normal_dns_name(std::string_view name);

// Where the name of an address is asked for: "1.2.0.192.in-addr.arpa" (RFC 1035 §3.5, RFC 3596
// §2.5).
std::string reverse_dns_name(const IpAddress& address);

// The query: recursion desired, with EDNS (RFC 6891), and AD set, by which a server is asked to say
// whether it found the answer authentic (RFC 6840 §5.7). `id` should be one that nobody can guess.
// The name is a normal one.
std::vector<std::uint8_t> encode_dns_query(const DnsQuestion& question, std::uint16_t id);

}  // namespace sluice
