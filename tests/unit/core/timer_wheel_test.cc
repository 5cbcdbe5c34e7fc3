#include "core/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "core/random.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr Instant kStart(5'000'000'123);

class TestTimer final : public Timer {
 public:
  void on_timer() noexcept override {
    ++fired;
    if (wheel != nullptr) wheel->arm(*this, again);
    if (victim != nullptr) wheel_of_victim->disarm(*victim);
  }

  int fired = 0;
  TimerWheel* wheel = nullptr;  // arms itself again
  Instant again = Instant::far_future();
  Timer* victim = nullptr;  // disarms another
  TimerWheel* wheel_of_victim = nullptr;
};

struct TimerCase {
  const char* name;
  Duration after;
  Duration early;  // still too early
  Duration late;   // at least one tick later
};

class TimerWheelDistance : public testing::TestWithParam<TimerCase> {};

TEST_P(TimerWheelDistance, FiresAtMostOneTickLate) {
  TimerWheel wheel(kStart);
  TestTimer timer;
  wheel.arm(timer, kStart + GetParam().after);
  wheel.advance(kStart + GetParam().early);
  EXPECT_EQ(timer.fired, 0);
  wheel.advance(kStart + GetParam().late);
  EXPECT_EQ(timer.fired, 1);
  EXPECT_FALSE(timer.is_armed());
}

INSTANTIATE_TEST_SUITE_P(
    Distances, TimerWheelDistance,
    testing::Values(
        TimerCase{"one_nanosecond", Duration(1), Duration(0), milliseconds(1)},
        TimerCase{"one_tick", milliseconds(1), Duration(999'999), milliseconds(1)},
        TimerCase{"last_of_a_level", milliseconds(63), milliseconds(62), milliseconds(63)},
        TimerCase{"first_of_the_next", milliseconds(64), milliseconds(63), milliseconds(64)},
        TimerCase{"a_bit_past_it", milliseconds(65), milliseconds(64), milliseconds(65)},
        TimerCase{"second_level", milliseconds(4'096), milliseconds(4'095), milliseconds(4'096)},
        TimerCase{"five_minutes", milliseconds(300'000), milliseconds(299'999),
                  milliseconds(300'000)},
        TimerCase{"a_year", std::chrono::hours(8'760), std::chrono::hours(8'759),
                  std::chrono::hours(8'760)}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TimerWheel, FiresWhatIsDueAlreadyWithTheNextAdvance) {
  TimerWheel wheel(kStart);
  wheel.advance(kStart + milliseconds(500));
  TestTimer timer;
  wheel.arm(timer, kStart + milliseconds(3));
  EXPECT_LE(wheel.next(), kStart + milliseconds(500));
  wheel.advance(kStart + milliseconds(500));
  EXPECT_EQ(timer.fired, 1);
}

TEST(TimerWheel, ArmsNothingForTheFarFuture) {
  TimerWheel wheel(kStart);
  TestTimer timer;
  wheel.arm(timer, Instant::far_future());
  EXPECT_FALSE(timer.is_armed());
  EXPECT_EQ(wheel.next(), Instant::far_future());
}

TEST(TimerWheel, ATimerThatArmsItselfAtOnceDoesNotHoldTheWheelUp) {
  TimerWheel wheel(kStart);
  TestTimer timer;
  timer.wheel = &wheel;
  timer.again = kStart;
  wheel.arm(timer, kStart);
  wheel.advance(kStart + milliseconds(10));
  const int fired = timer.fired;
  EXPECT_EQ(fired, 2);
  timer.wheel = nullptr;
  wheel.advance(kStart + milliseconds(10));
  EXPECT_EQ(timer.fired, fired + 1);
}

TEST(TimerWheel, ATimerMayDisarmAnotherOfTheSameTick) {
  TimerWheel wheel(kStart);
  TestTimer first;
  TestTimer second;
  first.victim = &second;
  second.victim = &first;
  first.wheel_of_victim = second.wheel_of_victim = &wheel;
  wheel.arm(first, kStart + milliseconds(7));
  wheel.arm(second, kStart + milliseconds(7));
  wheel.advance(kStart + milliseconds(7));
  EXPECT_EQ(first.fired + second.fired, 1);
  EXPECT_EQ(wheel.size(), 0u);
}

// A wheel and a sorted map do the same things at random.
class WheelAndModel {
 public:
  explicit WheelAndModel(std::uint64_t seed) : random_(seed), timers_(50) {}
  ~WheelAndModel() {
    for (TestTimer& timer : timers_) wheel_.disarm(timer);
  }

  void step() {
    const std::size_t index = random_.below(timers_.size());
    switch (random_.below(4)) {
      case 0:
      case 1:
        arm(index);
        break;
      case 2:
        disarm(index);
        break;
      default:
        advance();
        break;
    }
    ASSERT_EQ(wheel_.size(), due_.size());
  }

 private:
  Duration random_duration() {
    const std::uint64_t magnitude = random_.below(13);  // up to about an hour
    std::uint64_t bound = 1'000;
    for (std::uint64_t i = 0; i < magnitude; ++i) bound *= 4;
    return Duration(static_cast<std::int64_t>(random_.below(bound * 3)));
  }
  void arm(std::size_t index) {
    const Instant when = now_ + random_duration() - milliseconds(2);
    wheel_.arm(timers_[index], when);
    due_.insert_or_assign(index, when);
  }
  void disarm(std::size_t index) {
    wheel_.disarm(timers_[index]);
    due_.erase(index);
  }
  void advance() {
    now_ = now_ + random_duration();
    std::vector<int> before;
    for (const TestTimer& timer : timers_) before.push_back(timer.fired);
    wheel_.advance(now_);
    Instant first = Instant::far_future();
    for (std::size_t index = 0; index < timers_.size(); ++index)
      if (timers_[index].fired > before[index]) expect_due(index);
    for (const auto& [index, when] : due_) {
      EXPECT_GT(when + milliseconds(1), now_) << "timer " << index << " is more than a tick late";
      first = std::min(first, when);
    }
    EXPECT_LE(wheel_.next(), first == Instant::far_future() ? first : first + milliseconds(1));
  }
  void expect_due(std::size_t index) {
    ASSERT_TRUE(due_.contains(index)) << "timer " << index << " fired but was not armed";
    EXPECT_LE(due_.at(index), now_) << "timer " << index << " fired early";
    due_.erase(index);
  }

  Random random_;
  Instant now_ = kStart;
  TimerWheel wheel_{kStart};
  std::vector<TestTimer> timers_;
  std::map<std::size_t, Instant> due_;
};

TEST(TimerWheel, DoesWhatASortedMapWouldDo) {
  for (int round = 0; round < 20; ++round) {
    const std::uint64_t seed = random_seed();
    SCOPED_TRACE("seed " + std::to_string(seed));
    WheelAndModel both(seed);
    for (int i = 0; i < 2'000; ++i) {
      both.step();
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace sluice
