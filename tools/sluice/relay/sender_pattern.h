// SenderPattern: which addresses a user may send as.
//
// "*" any; "*@example.com" those of a domain; "*@*.example.com" those of the domains below it, at
// any depth, and not of itself; "news@example.com" that one. Domains are compared without regard to
// case, a local part exactly (RFC 5321 2.4). No pattern matches the null reverse-path: whether a
// user may send with it is a right of its own. A value.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/config_value.h"
#include "smtp/address.h"

namespace sluice::relay {

class SenderPattern {
 public:
  static std::optional<SenderPattern> parse(std::string_view text);

  bool matches(const smtp::Address& address) const;
  std::string to_string() const;  // as written, the domain in lower case
  friend bool operator==(const SenderPattern&, const SenderPattern&) = default;

 private:
  enum class Kind : std::uint8_t { any, domain, below_domain, mailbox };
  SenderPattern(Kind kind, std::string local_part, std::string domain);

  Kind kind_;
  std::string local_part_;  // of a mailbox
  std::string domain_;      // in lower case; empty for any
};

bool matches_any(std::span<const SenderPattern> patterns, const smtp::Address& address);

}  // namespace sluice::relay

namespace sluice {

template <>
struct ConfigText<relay::SenderPattern> {
  static constexpr std::string_view kName = "address pattern";
  static constexpr std::string_view kExample = "*@example.com";
  static std::optional<relay::SenderPattern> parse(std::string_view text) {
    return relay::SenderPattern::parse(text);
  }
  static std::string show(const relay::SenderPattern& pattern) { return pattern.to_string(); }
};

}  // namespace sluice
