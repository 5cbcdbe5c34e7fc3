// Throttle: a rate with a burst, by the generic cell rate algorithm (GCRA, ITU-T I.371).
//
// All that is kept of the past is one instant: when the next unit would come if every unit so far
// had come exactly on time. A unit that comes while that instant lies further ahead than the burst
// reaches is refused. Who keeps the instant (an atomic of the node, a variable of a test) is the
// caller's matter. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "core/clock.h"

namespace sluice::shaping {

class Throttle {
 public:
  // `amount` units per `period`, at least one of each. `burst`: how many may come at once after a
  // pause, at least 1.
  Throttle(std::uint64_t amount, Duration period, std::uint64_t burst);

  // What to keep when `units` come now, or nothing when they come too early. More units at a time
  // than the burst never fit.
  std::optional<Instant> take(Instant kept, Instant now, std::uint64_t units) const;

  // How long until `units` fit, 0 when they do now; if nobody else takes any.
  Duration wait(Instant kept, Instant now, std::uint64_t units) const;

 private:
  Duration cost(std::uint64_t units) const;  // rounded up, so that the rate is never exceeded

  std::uint64_t amount_;
  Duration period_;
  std::uint64_t burst_;
};

}  // namespace sluice::shaping
