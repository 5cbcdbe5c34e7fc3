// TicketKeys: the keys that encrypt session tickets (RFC 5077 §4, RFC 8446 §4.6.1), so that a
// client comes back without a full handshake, to any shard, also after certificates were reloaded.
//
// A ticket is encrypted with the newest key; the one before it still decrypts. Keys are random,
// live in memory only and change with time, so that what was recorded cannot be read later. For any
// thread: a mutex, taken once or twice in a handshake.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "core/clock.h"

namespace sluice::tls {

inline constexpr Duration kTicketKeyLife = std::chrono::hours(8);

class TicketKeys {
 public:
  static constexpr std::size_t kNameBytes = 16;
  static constexpr std::size_t kNonceBytes = 12;
  static constexpr std::size_t kTagBytes = 16;
  using Name = std::array<std::uint8_t, kNameBytes>;
  using Nonce = std::array<std::uint8_t, kNonceBytes>;
  using Tag = std::array<std::uint8_t, kTagBytes>;

  explicit TicketKeys(Instant now);
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;
  ~TicketKeys();  // wipes them

  // Encrypts the ticket in place (AES-256-GCM); nothing when the library fails.
  struct Sealed {
    Name name;
    Nonce nonce;
    Tag tag;
  };
  std::optional<Sealed> seal(std::span<std::uint8_t> ticket, Instant now);

  // Decrypts in place what seal() made. old: with the key before the newest, so that a new ticket
  // is due. unknown: another key, or somebody else's work.
  enum class Opened : std::uint8_t { good, old, unknown };
  Opened open(std::span<std::uint8_t> ticket, const Sealed& sealed, Instant now);

 private:
  struct Key {
    Name name{};
    std::array<std::uint8_t, 32> secret{};
    Instant made{0};
  };
  static Key make_key(Instant now);
  void rotate(Instant now);

  std::mutex mutex_;
  Key newest_;
  std::optional<Key> previous_;
};

}  // namespace sluice::tls
