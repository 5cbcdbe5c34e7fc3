#include "shaping/retry_schedule.h"

#include <algorithm>
#include <cmath>

#include "core/assert.h"

namespace sluice::shaping {

Duration retry_wait(const RetrySchedule& schedule, unsigned attempts) {
  SLUICE_ASSERT(attempts > 0, "only what was attempted waits for its next attempt");
  SLUICE_ASSERT(schedule.factor >= 1.0, "the configuration bounds the factor");

  // In floating point, since factor^attempts passes every integer; the maximum caps infinity too.
  const double grown = static_cast<double>(schedule.first.count()) *
                       std::pow(schedule.factor, static_cast<double>(attempts - 1));
  if (grown >= static_cast<double>(schedule.max.count())) return schedule.max;
  return Duration(static_cast<Duration::rep>(grown));
}

Duration with_jitter(Duration wait, double chance) {
  SLUICE_ASSERT(chance >= 0.0, "chance is uniform in [0, 1)");
  SLUICE_ASSERT(chance < 1.0, "chance is uniform in [0, 1)");
  const double part = kRetryJitter * (2.0 * chance - 1.0);
  return wait + Duration(static_cast<Duration::rep>(static_cast<double>(wait.count()) * part));
}

Duration longest_retry_wait(const RetrySchedule& schedule) {
  const Duration longest = std::max(schedule.first, schedule.max);
  return longest + Duration(static_cast<Duration::rep>(
                       std::ceil(static_cast<double>(longest.count()) * kRetryJitter)));
}

}  // namespace sluice::shaping
