#include "relay/login_limits.h"

#include <algorithm>
#include <array>

namespace sluice::relay {

namespace {

bool try_begin(AttemptCount& count, std::uint32_t failures_max) {
  if (count.failures >= failures_max) return false;
  ++count.failures;
  return true;
}

// Nothing when the window ended meanwhile.
void take_back(AttemptCount* count) {
  if (count != nullptr && count->failures > 0) --count->failures;
}

}  // namespace

LoginLimits::LoginLimits(const AuthenticationSettings& settings)
    : first_delay_(settings.failure_delay),
      failures_per_address_(settings.failures_per_address),
      failures_per_user_(settings.failures_per_user),
      addresses_(settings.failure_window, kLimitedAddressesMax),
      users_(settings.failure_window, kLimitedUsersMax) {}

bool LoginLimits::begin_of_address(const IpAddress& client, Instant now) {
  const std::lock_guard lock(mutex_);
  return try_begin(addresses_.at(counted_as(client), now), failures_per_address_);
}

bool LoginLimits::begin_of_user(std::string_view name, Instant now) {
  const std::lock_guard lock(mutex_);
  return try_begin(users_.at(counted_as(name), now), failures_per_user_);
}

void LoginLimits::take_back_address(const IpAddress& client, Instant now) {
  const std::lock_guard lock(mutex_);
  take_back(addresses_.find(counted_as(client), now));
}

void LoginLimits::take_back_user(std::string_view name, Instant now) {
  const std::lock_guard lock(mutex_);
  take_back(users_.find(counted_as(name), now));
}

void LoginLimits::note_refusal(const IpAddress& client, Instant now) {
  const std::lock_guard lock(mutex_);
  ++addresses_.at(counted_as(client), now).refusals;
}

std::uint32_t LoginLimits::rank_of(const IpAddress& client, Instant now) {
  const std::lock_guard lock(mutex_);
  const AttemptCount* const count = addresses_.find(counted_as(client), now);
  if (count == nullptr) return 0;
  const std::uint32_t attempts = count->failures + count->refusals;
  return attempts > 0 ? attempts - 1 : 0;
}

Duration LoginLimits::delay_of(const IpAddress& client, std::string_view name, Instant now) {
  const std::lock_guard lock(mutex_);
  const AttemptCount* const of_address = addresses_.find(counted_as(client), now);
  const AttemptCount* const of_user = users_.find(counted_as(name), now);
  const std::uint32_t failures = std::max(of_address != nullptr ? of_address->failures : 0,
                                          of_user != nullptr ? of_user->failures : 0);
  const Duration longest = std::max(kLoginDelayMax, first_delay_);
  Duration delay = first_delay_;
  for (std::uint32_t i = 1; i < failures && delay < longest; ++i) delay *= 2;
  return std::min(delay, longest);
}

IpAddress LoginLimits::counted_as(const IpAddress& client) {
  if (client.is_v4()) return client;
  auto bytes = client.bytes();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return IpAddress::from_bytes(bytes);
}

// No user has a longer name; two that begin alike may share a count.
std::string LoginLimits::counted_as(std::string_view name) {
  return std::string(name.substr(0, kUserNameBytesMax + 1));
}

std::size_t LoginLimits::AddressHash::operator()(const IpAddress& address) const noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const std::uint8_t byte : address.bytes()) hash = (hash ^ byte) * 0x100000001b3ULL;
  return static_cast<std::size_t>(hash);
}

}  // namespace sluice::relay
