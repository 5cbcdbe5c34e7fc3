// TimerWheel: the deadlines of one shard. Hierarchical, tick 1 ms: a timer fires at or after its
// instant, at most one tick late. Arming and disarming cost O(1) and no allocation.
//
// It is pure: the shard tells it the time and keeps one kernel timeout for its next instant.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/clock.h"

namespace sluice {

class TimerWheel;

// A timer lies inside what waits. Its owner disarms it before it is destroyed (asserted).
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual void on_timer() noexcept = 0;  // called disarmed; may arm it again
  bool is_armed() const { return is_armed_; }

 protected:
  ~Timer();

 private:
  friend class TimerWheel;
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  std::uint64_t tick_ = 0;
  std::uint16_t slot_ = 0;
  bool is_armed_ = false;
};

class TimerWheel {
 public:
  explicit TimerWheel(Instant start);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();  // asserts that no timer is armed

  // Arms, or moves an armed timer. Instant::far_future() arms nothing.
  void arm(Timer& timer, Instant when);
  void disarm(Timer& timer);  // of an unarmed timer: nothing

  // Fires every timer due at `now`.
  void advance(Instant now);

  // A lower bound for the next timer's instant, far_future() when none is armed.
  Instant next() const;
  std::size_t size() const { return size_; }

 private:
  static constexpr unsigned kLevels = 8;  // 64^8 ms: every Instant has its place
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kSlots = 1u << kSlotBits;
  static constexpr unsigned kFiring = kLevels * kSlots;  // the slot of timers about to fire

  void place(Timer& timer);
  void unlink(Timer& timer);
  void link(Timer& timer, unsigned slot);
  void fire(unsigned slot);
  void cascade(unsigned slot);
  unsigned first_slot() const;
  std::uint64_t first_tick(unsigned slot) const;

  std::array<Timer*, kFiring + 1> slots_{};
  std::array<std::uint64_t, kLevels> occupied_{};  // a bit per slot
  Instant start_;
  std::uint64_t tick_ = 0;      // every timer of an earlier tick has fired
  std::uint64_t now_tick_ = 0;  // where advance() goes; what is armed meanwhile is due no earlier
  std::size_t size_ = 0;
};

}  // namespace sluice
