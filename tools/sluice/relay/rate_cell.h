// RateCell: a rate of the node, which every shard takes from without a lock.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/clock.h"
#include "shaping/throttle.h"

namespace sluice::relay {

class RateCell {
 public:
  explicit RateCell(shaping::Throttle throttle) : throttle_(throttle) {}

  // Takes all of the units, or none when they come too early. Any thread.
  [[nodiscard]] bool try_take(Instant now, std::uint64_t units) {
    std::int64_t kept = kept_.load();
    while (true) {
      const auto after = throttle_.take(Instant(kept), now, units);
      if (!after) return false;
      if (kept_.compare_exchange_weak(kept, after->nanoseconds())) return true;
    }
  }

  // How long until a unit fits, if nobody else takes any.
  Duration wait(Instant now) const { return throttle_.wait(Instant(kept_.load()), now, 1); }

 private:
  shaping::Throttle throttle_;
  std::atomic<std::int64_t> kept_{0};
};

}  // namespace sluice::relay
