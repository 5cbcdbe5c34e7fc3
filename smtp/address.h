// Mail addresses as MAIL and RCPT carry them (RFC 5321 §4.1.2).
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace sluice::smtp {

inline constexpr std::size_t kLocalPartBytesMax = 64;  // RFC 5321 §4.5.3.1.1
inline constexpr std::size_t kDomainBytesMax = 255;    // RFC 5321 §4.5.3.1.2
inline constexpr std::size_t kPathBytesMax = 256;      // RFC 5321 §4.5.3.1.3, with <>

// A mailbox. Both parts empty: the null reverse-path "<>".
struct Address {
  std::string local_part;  // as written, quotes included
  std::string domain;      // as written; an address literal keeps its brackets

  bool is_null() const { return local_part.empty() && domain.empty(); }
  std::string to_string() const;     // "user@example.com", "" for the null path
  std::string domain_lower() const;  // for comparisons and queues
  friend bool operator==(const Address&, const Address&) = default;
};

enum class PathKind : std::uint8_t { reverse, forward };

// A path with its angle brackets. A source route ("<@a,@b:user@c>") is accepted and ignored
// (RFC 5321 §4.1.1.3 and appendix C). "<>" only as a reverse path; "<Postmaster>" without domain
// only as a forward path (RFC 5321 §4.1.1.3): its domain is then empty.
Result<Address> parse_path(std::string_view text, PathKind kind);

// A mailbox without brackets.
Result<Address> parse_mailbox(std::string_view text);

// Domain syntax of RFC 5321 §4.1.2: labels of letters, digits, hyphens (and underscores, which
// exist), or an address literal.
bool is_valid_domain(std::string_view text);

}  // namespace sluice::smtp
