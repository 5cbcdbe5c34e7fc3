// TicketKeys: the keys under which session tickets travel (RFC 5077 4, RFC 8446 4.6.1).
//
// One set for the node, so that a ticket of one shard resumes on another and a reload of the
// certificates keeps them. A key seals for 8 hours and opens for 16; then what it sealed is worth
// nothing, and a key stolen later opens no older session. They are never stored: after a restart
// clients make a whole handshake.
// Shared by every shard: this is the one thing here that changes and has a lock (a read lock for
// a copy of 48 bytes, once per handshake).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>

#include "core/clock.h"
#include "core/error.h"

namespace sluice::tls {

inline constexpr Duration kTicketKeyPeriod = std::chrono::hours(8);
// What clients are told: a ticket outlives no key that opens it.
inline constexpr Duration kTicketLifetime = kTicketKeyPeriod;

// What stands beside a sealed ticket and is needed to open it.
struct TicketSeal {
  std::array<std::uint8_t, 16> key_name;
  std::array<std::uint8_t, 12> nonce;
  std::array<std::uint8_t, 16> tag;
};

class TicketKeys {
 public:
  // Fails when the system gives no random bytes.
  static Result<std::shared_ptr<TicketKeys>> make(Clock clock = Clock());

  // Encrypts the ticket in place under the present key.
  Result<TicketSeal> seal(std::span<std::uint8_t> ticket);
  Result<TicketSeal> seal(std::span<std::uint8_t> ticket, Instant now);

  // Decrypts it in place. not_found when the key is gone (or was never ours), corrupt when the
  // ticket was changed: it then holds nothing of use.
  Result<void> open(std::span<std::uint8_t> ticket, const TicketSeal& seal) const;
  Result<void> open(std::span<std::uint8_t> ticket, const TicketSeal& seal, Instant now) const;

 private:
  struct Key {
    std::array<std::uint8_t, 16> name;
    std::array<std::uint8_t, 32> secret;  // AES-256-GCM
    Instant made;
  };

  TicketKeys(Clock clock, Key first) : clock_(clock), newest_(first) {}
  static Result<Key> make_key(Instant now);
  Result<Key> key_to_seal(Instant now);
  std::optional<Key> key_named(const std::array<std::uint8_t, 16>& name, Instant now) const;

  Clock clock_;
  mutable std::shared_mutex mutex_;
  Key newest_;                   // guarded by mutex_
  std::optional<Key> previous_;  // guarded by mutex_
};

}  // namespace sluice::tls
