// LoginLimits: how often a client address and a user may fail to log in, and how long an answer is
// held back.
//
// An attempt is counted as a failure when it begins, so that many at once are no more than many in
// a row; what turns out right, or is not looked at, is taken back. Of IPv6 the network of 64 bits
// counts, since a host may have all of it. Names that no user has are counted like others: what is
// answered must not tell them apart. One for the node, under a lock that is held for some hundred
// nanoseconds; for any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/ip_address.h"
#include "relay/config.h"
#include "relay/failure_table.h"

namespace sluice::relay {

inline constexpr std::size_t kLimitedAddressesMax = 100'000;
inline constexpr std::size_t kLimitedUsersMax = 100'000;
inline constexpr Duration kLoginDelayMax = std::chrono::seconds(30);  // unless the first is longer

class LoginLimits {
 public:
  explicit LoginLimits(const AuthenticationSettings& settings);

  // False when the address, or the user, has failed too often: then nothing is counted.
  [[nodiscard]] bool begin_of_address(const IpAddress& client, Instant now);
  [[nodiscard]] bool begin_of_user(std::string_view name, Instant now);
  // The attempt that began was right, or says nothing about the password.
  void take_back_address(const IpAddress& client, Instant now);
  void take_back_user(std::string_view name, Instant now);
  // The attempt was not looked at, for lack of time to do so.
  void note_refusal(const IpAddress& client, Instant now);

  // The attempts of the address so far, this one not included: fewer go first.
  std::uint32_t rank_of(const IpAddress& client, Instant now);
  // How long after its arrival an attempt that failed is answered.
  Duration delay_of(const IpAddress& client, std::string_view name, Instant now);

 private:
  struct AddressHash {
    std::size_t operator()(const IpAddress& address) const noexcept;
  };
  static IpAddress counted_as(const IpAddress& client);
  static std::string counted_as(std::string_view name);

  const Duration first_delay_;
  const std::uint32_t failures_per_address_;
  const std::uint32_t failures_per_user_;
  std::mutex mutex_;
  FailureTable<IpAddress, AddressHash> addresses_;
  FailureTable<std::string> users_;
};

}  // namespace sluice::relay
