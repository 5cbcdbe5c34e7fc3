// Clock: where time comes from. Instant is monotonic and never stored; WallTime goes to disk and
// into headers. Deadline says until when an operation may wait.
//
// The functions of Clock are one side of the seam for simulation: core/clock.cc asks the kernel,
// the simulation links its own (docs/architecture.md).
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

#include "core/units.h"

namespace sluice {

// A point of monotonic time, in nanoseconds from an arbitrary origin.
class Instant {
 public:
  constexpr explicit Instant(std::int64_t nanoseconds) : nanoseconds_(nanoseconds) {}
  static constexpr Instant far_future() { return Instant(INT64_MAX); }
  constexpr std::int64_t nanoseconds() const { return nanoseconds_; }

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant a, Duration b) {
    return a == far_future() ? a : Instant(a.nanoseconds_ + b.count());
  }
  friend constexpr Instant operator-(Instant a, Duration b) {
    return Instant(a.nanoseconds_ - b.count());
  }
  friend constexpr Duration operator-(Instant a, Instant b) {
    return Duration(a.nanoseconds_ - b.nanoseconds_);
  }

 private:
  std::int64_t nanoseconds_;
};

// Milliseconds since 1970 in UTC. It may jump; only what is stored or shown uses it.
class WallTime {
 public:
  constexpr explicit WallTime(std::int64_t milliseconds) : milliseconds_(milliseconds) {}
  constexpr std::int64_t milliseconds() const { return milliseconds_; }

  friend constexpr auto operator<=>(WallTime, WallTime) = default;
  friend constexpr WallTime operator+(WallTime a, Duration b) {
    return WallTime(a.milliseconds_ +
                    std::chrono::duration_cast<std::chrono::milliseconds>(b).count());
  }
  friend constexpr Duration operator-(WallTime a, WallTime b) {
    return std::chrono::milliseconds(a.milliseconds_ - b.milliseconds_);
  }

 private:
  std::int64_t milliseconds_;
};

class Clock {
 public:
  Instant now() const;
  WallTime wall() const;
};

// Until when an operation may wait. Every wait for a peer has one.
class Deadline {
 public:
  static Deadline in(const Clock& clock, Duration duration) {
    return Deadline(clock.now() + duration);
  }
  static constexpr Deadline at(Instant instant) { return Deadline(instant); }
  static constexpr Deadline never() { return Deadline(Instant::far_future()); }

  constexpr Instant instant() const { return instant_; }
  constexpr bool is_never() const { return instant_ == Instant::far_future(); }
  constexpr bool has_passed(Instant now) const { return instant_ <= now; }
  friend constexpr auto operator<=>(Deadline, Deadline) = default;

 private:
  constexpr explicit Deadline(Instant instant) : instant_(instant) {}
  Instant instant_;
};

constexpr Deadline earlier(Deadline a, Deadline b) { return a < b ? a : b; }

}  // namespace sluice
