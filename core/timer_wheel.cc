#include "core/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/assert.h"

namespace sluice {

// A timer lies on the level of the highest digit (of 6 bits) in which its tick differs from the
// wheel's, in the slot of that digit. So all timers of a level come before all of the next level,
// the slots of a level are in order, and the first timer is in the first occupied slot of the
// lowest occupied level. When the wheel's tick reaches a slot of a higher level, its timers are
// placed anew, on lower levels.
namespace {

constexpr std::int64_t kTickNanoseconds = 1'000'000;

}  // namespace

Timer::~Timer() { SLUICE_ASSERT(!is_armed_, "an armed timer is not destroyed"); }

TimerWheel::TimerWheel(Instant start) : start_(start) {}

TimerWheel::~TimerWheel() { SLUICE_ASSERT(size_ == 0, "no timer outlives its wheel"); }

void TimerWheel::arm(Timer& timer, Instant when) {
  disarm(timer);
  if (when == Instant::far_future()) return;
  const std::int64_t after = when.nanoseconds() - start_.nanoseconds();
  const std::uint64_t tick =
      after <= 0 ? 0 : static_cast<std::uint64_t>((after - 1) / kTickNanoseconds) + 1;
  timer.tick_ = std::max(tick, now_tick_);
  timer.is_armed_ = true;
  ++size_;
  place(timer);
}

void TimerWheel::disarm(Timer& timer) {
  if (!timer.is_armed_) return;
  unlink(timer);
  timer.is_armed_ = false;
  --size_;
}

void TimerWheel::advance(Instant now) {
  if (now < start_) return;
  const auto now_tick =
      static_cast<std::uint64_t>((now.nanoseconds() - start_.nanoseconds()) / kTickNanoseconds);
  if (now_tick < tick_) return;
  now_tick_ = now_tick;
  // A timer may arm itself again for now: it fires once more in this call, or with the next.
  while (true) {
    const unsigned slot = first_slot();
    if (slot == kFiring) break;
    const std::uint64_t tick = first_tick(slot);
    if (tick > now_tick) break;
    tick_ = tick;
    if (slot >= kSlots) {
      cascade(slot);
      continue;
    }
    fire(slot);
    if (tick == now_tick) break;
  }
  tick_ = now_tick;
}

Instant TimerWheel::next() const {
  const unsigned slot = first_slot();
  if (slot == kFiring) return Instant::far_future();
  return start_ + Duration(static_cast<std::int64_t>(first_tick(slot)) * kTickNanoseconds);
}

void TimerWheel::place(Timer& timer) {
  const std::uint64_t difference = timer.tick_ ^ tick_;
  const unsigned highest_bit =
      difference == 0 ? 0 : 63 - static_cast<unsigned>(std::countl_zero(difference));
  const unsigned level = highest_bit / kSlotBits;
  SLUICE_ASSERT(level < kLevels, "the levels span all of time");
  const auto digit = static_cast<unsigned>(timer.tick_ >> (level * kSlotBits)) % kSlots;
  link(timer, level * kSlots + digit);
  occupied_[level] |= std::uint64_t{1} << digit;
}

void TimerWheel::link(Timer& timer, unsigned slot) {
  timer.slot_ = static_cast<std::uint16_t>(slot);
  timer.previous_ = nullptr;
  timer.next_ = slots_[slot];
  if (timer.next_ != nullptr) timer.next_->previous_ = &timer;
  slots_[slot] = &timer;
}

void TimerWheel::unlink(Timer& timer) {
  if (timer.next_ != nullptr) timer.next_->previous_ = timer.previous_;
  if (timer.previous_ != nullptr) {
    timer.previous_->next_ = timer.next_;
    return;
  }
  const unsigned slot = timer.slot_;
  slots_[slot] = timer.next_;
  if (timer.next_ == nullptr && slot != kFiring)
    occupied_[slot / kSlots] &= ~(std::uint64_t{1} << (slot % kSlots));
}

void TimerWheel::fire(unsigned slot) {
  // They move to a list of their own, where one that fires may still disarm another.
  SLUICE_ASSERT(slots_[kFiring] == nullptr, "on_timer() does not advance the wheel");
  while (slots_[slot] != nullptr) {
    Timer& timer = *slots_[slot];
    unlink(timer);
    link(timer, kFiring);
  }
  while (slots_[kFiring] != nullptr) {
    Timer& timer = *slots_[kFiring];
    disarm(timer);
    timer.on_timer();
  }
}

void TimerWheel::cascade(unsigned slot) {
  while (slots_[slot] != nullptr) {
    Timer& timer = *slots_[slot];
    unlink(timer);
    place(timer);
  }
}

// The slot of the next timers; kFiring when there are none.
unsigned TimerWheel::first_slot() const {
  if (size_ == 0) return kFiring;
  for (unsigned level = 0; level < kLevels; ++level)
    if (occupied_[level] != 0)
      return level * kSlots + static_cast<unsigned>(std::countr_zero(occupied_[level]));
  return kFiring;
}

// The first tick that a timer of this slot may have.
std::uint64_t TimerWheel::first_tick(unsigned slot) const {
  const unsigned shift = slot / kSlots * kSlotBits;
  const std::uint64_t above = tick_ >> shift >> kSlotBits << kSlotBits;
  return (above | slot % kSlots) << shift;
}

}  // namespace sluice
