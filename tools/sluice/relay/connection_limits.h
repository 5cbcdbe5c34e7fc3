// ConnectionLimits: how many connections each listener has open, and each client address at it.
//
// It counts and decides; it accepts nothing. One object, on the shard that accepts, so that exact
// limits need no sharing (docs/architecture.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/ip_address.h"
#include "relay/config.h"
#include "relay/relay_permission.h"
#include "shaping/throttle.h"

namespace sluice::relay {

// Refused connections that are still being told so. Past it they are closed without a word.
inline constexpr std::uint32_t kRefusalsMax = 1000;
// Addresses of one listener whose rate is remembered; those that come beyond it are told to wait.
inline constexpr std::size_t kRatedAddressesMax = 100'000;

enum class Admission : std::uint8_t {
  welcome,
  too_many_connections,   // of the listener
  too_many_from_address,  // from this client, at this listener
  too_often,              // likewise, in a short time
  closed,                 // too many refusals at once: close without an answer
};

class ConnectionLimits {
 public:
  explicit ConnectionLimits(const std::vector<ListenerSettings>& listeners);

  // New limits for the same listeners; what is open stays counted.
  void set(const std::vector<ListenerSettings>& listeners);

  // Counts the connection as what it returns; give every one back, except a closed one.
  [[nodiscard]] Admission admit(std::size_t listener, const IpAddress& client, Instant now);
  // The same for a connection of a proxy, whose client is not known yet.
  [[nodiscard]] Admission admit_proxy(std::size_t listener);
  // A proxy named the client of a connection that was welcome. It counts as what this returns.
  [[nodiscard]] Admission announce(std::size_t listener, const IpAddress& client, Instant now);
  // `client`: nothing for a connection of a proxy that never named one.
  void release(std::size_t listener, const std::optional<IpAddress>& client, Admission admission);

  std::uint32_t open_connections(std::size_t listener) const { return listeners_[listener].open; }
  std::uint32_t refusals() const { return refusals_; }

 private:
  struct AddressHash {
    std::size_t operator()(const IpAddress& address) const noexcept;
  };
  struct ListenerCount {
    std::uint32_t open = 0;
    std::uint32_t open_max = 0;
    std::uint32_t per_address_max = 0;
    std::unordered_map<IpAddress, std::uint32_t, AddressHash> open_by_address =
        {};                                      // never holds 0
    std::optional<shaping::Throttle> rate = {};  // of clients outside relay_networks
    std::optional<RelayPermission> permission = {};
    std::unordered_map<IpAddress, Instant, AddressHash> rate_by_address = {};
  };
  Admission refuse(Admission admission);
  static bool has_too_many(const ListenerCount& listener, const IpAddress& client);
  static bool is_too_often(ListenerCount& listener, const IpAddress& client, Instant now);

  std::vector<ListenerCount> listeners_;
  std::uint32_t refusals_ = 0;
};

}  // namespace sluice::relay
