#include "relay/login_metrics.h"

#include <string>

namespace sluice::relay {
namespace {

constexpr std::array<std::string_view, kLoginFailures> kFailureNames = {
    "unknown_user",  "disabled",   "wrong_password", "network",
    "address_limit", "user_limit", "overloaded",     "no_memory",
};
static_assert(static_cast<std::size_t>(LoginFailure::no_memory) + 1 == kLoginFailures,
              "every reason has a name");

constexpr std::string_view kSuccesses = "sluice_login_successes_total";
constexpr std::string_view kSuccessesHelp = "Logins that succeeded, by what proved the password.";

std::array<Counter*, kLoginFailures> failure_counters(MetricRegistry& registry) {
  std::array<Counter*, kLoginFailures> counters{};
  for (std::size_t i = 0; i < kLoginFailures; ++i) {
    const std::string label = "reason=\"" + std::string(kFailureNames[i]) + "\"";
    counters[i] =
        &registry.counter("sluice_login_failures_total", "Logins that failed, by reason.", label);
  }
  return counters;
}

}  // namespace

std::string_view name_of(LoginFailure failure) {
  return kFailureNames[static_cast<std::size_t>(failure)];
}

LoginMetrics::LoginMetrics(MetricRegistry& registry)
    : remembered(registry.counter(kSuccesses, kSuccessesHelp, "proof=\"remembered\"")),
      hashed(registry.counter(kSuccesses, kSuccessesHelp, "proof=\"hash\"")),
      failures(failure_counters(registry)),
      check_seconds(registry.histogram("sluice_login_check_seconds",
                                       "From a login to the end of the check of its hash.")) {}

}  // namespace sluice::relay
