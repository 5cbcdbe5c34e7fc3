// DnsAnswer: what the domain name system said to one question, read from the bytes of a reply.
//
// The chain of aliases (CNAME) is followed within the reply; records of other names, types and
// classes are passed over. Pure and bounded: at most kDnsRecordsMax records are taken, and names
// that point in circles are refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/dns_question.h"
#include "core/error.h"
#include "core/ip_address.h"
#include "core/units.h"

namespace sluice {

inline constexpr std::size_t kDnsRecordsMax = 100;  // more are passed over
inline constexpr unsigned kDnsAliasesMax = 10;      // a longer chain is an Error
inline constexpr std::size_t kDnsTextBytesMax = 4096;

struct MxRecord {
  std::uint16_t preference;  // lower is better
  std::string exchange;      // in lower case; empty: the root, "." (RFC 7505)

  friend auto operator<=>(const MxRecord&, const MxRecord&) = default;
};

struct TlsaRecord {  // RFC 6698 §2.1
  std::uint8_t usage;
  std::uint8_t selector;
  std::uint8_t matching;
  std::vector<std::uint8_t> data;

  friend auto operator<=>(const TlsaRecord&, const TlsaRecord&) = default;
};

enum class DnsStatus : std::uint8_t {
  found,
  no_data,       // the name exists, without records of the type
  no_such_name,  // NXDOMAIN
};

struct DnsAnswer {
  DnsStatus status = DnsStatus::no_data;
  std::string name;  // what the aliases led to; the question's own where there are none
  std::vector<IpAddress> addresses = {};  // A, AAAA
  std::vector<MxRecord> exchanges = {};   // in the order of the reply
  std::vector<std::string> texts = {};    // TXT, each joined; PTR
  std::vector<TlsaRecord> associations = {};
  Duration ttl{0};  // the least of all that was used; of a negative answer as RFC 2308 §5 says
  bool is_authentic = false;   // the AD bit: the server vouches for the answer (RFC 4035 §3.2.3)
  bool is_unfinished = false;  // an alias whose target the reply does not tell of: ask for `name`
};

// A syntax Error when it is no reply to the question, refused when the server says that it failed:
// the sentence has its own word, "SERVFAIL".
Result<DnsAnswer> parse_dns_answer(std::span<const std::uint8_t> reply,
                                   const DnsQuestion& question);

}  // namespace sluice
