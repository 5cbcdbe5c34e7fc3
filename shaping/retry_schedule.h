// RetrySchedule: how long an envelope waits after an attempt that did not end it.
//
// The wait grows by a factor up to a maximum, and each wait is moved at random by up to a tenth, so
// that envelopes deferred together do not come back together. Pure: chance is an argument.
#pragma once

#include "core/units.h"

namespace sluice::shaping {

// A wait lies within this part of the schedule's value, on both sides.
inline constexpr double kRetryJitter = 0.1;

struct RetrySchedule {
  Duration first = std::chrono::minutes(5);
  double factor = 2.0;
  Duration max = std::chrono::hours(4);
};

// The wait after `attempts` attempts (at least one), without jitter.
Duration retry_wait(const RetrySchedule& schedule, unsigned attempts);

// Moves a wait by the jitter. `chance` is uniform in [0, 1).
Duration with_jitter(Duration wait, double chance);

// The longest wait that a schedule can give.
Duration longest_retry_wait(const RetrySchedule& schedule);

}  // namespace sluice::shaping
