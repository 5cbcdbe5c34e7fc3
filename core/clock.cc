#include "core/clock.h"

#include <ctime>

namespace sluice {

Instant Clock::now() const {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return Instant(std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec);
}

WallTime Clock::wall() const {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return WallTime(std::int64_t{time.tv_sec} * 1'000 + time.tv_nsec / 1'000'000);
}

}  // namespace sluice
