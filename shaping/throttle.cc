#include "shaping/throttle.h"

#include <algorithm>

#include "core/assert.h"

namespace sluice::shaping {

Throttle::Throttle(std::uint64_t amount, Duration period, std::uint64_t burst)
    : amount_(amount), period_(period), burst_(burst) {
  SLUICE_ASSERT(amount > 0 && period > Duration(0), "a rate of nothing is a refusal, not a rate");
  SLUICE_ASSERT(burst > 0, "a burst of nothing lets nothing pass");
}

// Split so that no product leaves 64 bits, whatever the configuration says.
Duration Throttle::cost(std::uint64_t units) const {
  const auto period = static_cast<std::uint64_t>(period_.count());
  const std::uint64_t whole = units / amount_ * period;
  const auto rest = static_cast<long double>(units % amount_) * static_cast<long double>(period) /
                    static_cast<long double>(amount_);
  const auto part = static_cast<std::uint64_t>(rest);
  const bool is_exact = static_cast<long double>(part) == rest;
  return Duration(static_cast<std::int64_t>(whole + part + (is_exact ? 0 : 1)));
}

std::optional<Instant> Throttle::take(Instant kept, Instant now, std::uint64_t units) const {
  const Instant after = std::max(kept, now) + cost(units);
  if (after - now > cost(burst_)) return std::nullopt;
  return after;
}

Duration Throttle::wait(Instant kept, Instant now, std::uint64_t units) const {
  const Instant after = std::max(kept, now) + cost(units);
  return std::max(Duration(0), (after - now) - cost(burst_));
}

}  // namespace sluice::shaping
