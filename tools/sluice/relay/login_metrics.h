// LoginMetrics: what a shard counts of logins, and the reasons for which they fail.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/metrics.h"

namespace sluice::relay {

// Why a login failed. The value of the label "reason", and what the log says.
enum class LoginFailure : std::uint8_t {
  unknown_user,
  disabled,
  wrong_password,
  network,        // the user may not come from there
  address_limit,  // failures_per_address
  user_limit,     // failures_per_user
  overloaded,     // too many hashes to check
  no_memory,      // for the work of a hash
};
inline constexpr std::size_t kLoginFailures = 8;
std::string_view name_of(LoginFailure failure);

struct LoginMetrics {
  explicit LoginMetrics(MetricRegistry& registry);

  Counter& remembered;                            // sluice_login_successes_total
  Counter& hashed;                                // sluice_login_successes_total
  std::array<Counter*, kLoginFailures> failures;  // sluice_login_failures_total
  Histogram& check_seconds;                       // sluice_login_check_seconds
};

}  // namespace sluice::relay
