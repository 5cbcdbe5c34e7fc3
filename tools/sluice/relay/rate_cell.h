// RateCell: how far a rate of the node is used up, which every shard takes from without a lock. The
// rate itself is an argument: it is the configuration's, and may change while the cell stays.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.h"
#include "core/rate.h"
#include "shaping/throttle.h"

namespace sluice::relay {

class alignas(64) RateCell {
 public:
  // Takes all of the units, or none when they come too early. Any thread.
  [[nodiscard]] bool try_take(const shaping::Throttle& rate, Instant now, std::uint64_t units) {
    std::int64_t kept = kept_.load();
    while (true) {
      const auto after = rate.take(Instant(kept), now, units);
      if (!after) return false;
      if (kept_.compare_exchange_weak(kept, after->nanoseconds())) return true;
    }
  }

  // How long until a unit fits, if nobody else takes any.
  Duration wait(const shaping::Throttle& rate, Instant now) const {
    return rate.wait(Instant(kept_.load()), now, 1);
  }

 private:
  std::atomic<std::int64_t> kept_{0};
};

// A cell for each name, made when it is first asked for; found again by pointer, and there until
// the process ends. Names come from the configuration, which bounds them. Any thread.
class RateCells {
 public:
  RateCell& cell(std::string_view name) {
    const std::lock_guard lock(mutex_);
    auto& cell = cells_[std::string(name)];
    if (cell == nullptr) cell = std::make_unique<RateCell>();
    return *cell;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<RateCell>> cells_;
};

}  // namespace sluice::relay
