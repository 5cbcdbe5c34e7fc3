// PasswordHash: what is kept of a password, in the encoded form of argon2id (RFC 9106):
// "$argon2id$v=19$m=19456,t=2,p=1$SALT$TAG", as other programs write and read it too.
//
// Its parameters say how much work a check is; they come from files, so they are bounded when a
// hash is read. Checking one takes tens of milliseconds and belongs on a worker
// (relay/hash_worker). A value; the functions are for any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/config_value.h"
#include "core/error.h"
#include "core/secret.h"

namespace sluice::relay {

// What a client may send as a password, and an operator set.
inline constexpr std::size_t kPasswordBytesMax = 1024;

// What one check costs. The default is what OWASP's cheat sheet on password storage recommends.
struct HashCost {
  std::uint32_t memory_kib = 19 * 1024;
  std::uint32_t passes = 2;
  std::uint32_t lanes = 1;
  friend bool operator==(const HashCost&, const HashCost&) = default;
};
// A hash that costs more is refused, so that no file can stall the relay.
inline constexpr HashCost kHashCostMax{.memory_kib = 256 * 1024, .passes = 10, .lanes = 4};

class PasswordHash {
 public:
  // The encoded form; Errors repeat nothing of it.
  static Result<PasswordHash> parse(std::string_view encoded);
  // Of a new password, with a salt of its own. An Error: not enough memory for the work.
  static Result<PasswordHash> make(const Secret& password, HashCost cost = {});
  // That of nobody: no password matches it, and finding that out is the work of any other check.
  static PasswordHash of_nobody();

  std::string encoded() const;
  const HashCost& cost() const { return cost_; }

  // Works as long as the cost says. A longer password than kPasswordBytesMax is wrong, and that
  // takes as long. An Error: not enough memory for the work, so that nobody knows.
  Result<bool> matches(const Secret& password) const;

  friend bool operator==(const PasswordHash&, const PasswordHash&) = default;

 private:
  PasswordHash() = default;
  HashCost cost_;
  std::string salt_;
  std::string tag_;
};

}  // namespace sluice::relay

namespace sluice {

template <>
struct ConfigType<relay::PasswordHash> {
  static constexpr std::string_view kRefusal =
      "expected an argon2id hash as `sluice user hash` prints it, of at most m=262144,t=10,p=4";
  static std::string name() { return "argon2id hash"; }
  static std::string noun() { return "an argon2id hash"; }
  static std::string example() { return {}; }
  static std::optional<relay::PasswordHash> from(const ConfigNode& node);
  static std::string show(const relay::PasswordHash& hash) {
    return quote_config_text(hash.encoded());
  }
};

}  // namespace sluice
