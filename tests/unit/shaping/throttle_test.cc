#include "shaping/throttle.h"

#include <gtest/gtest.h>

namespace sluice::shaping {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{1'000'000'000};

// Takes one unit at a time from `from` on, every `step`, for `time`; says how many passed.
std::uint64_t count_passed(const Throttle& throttle, Instant from, Duration time, Duration step) {
  Instant kept(0);
  std::uint64_t passed = 0;
  for (Instant now = from; now < from + time; now = now + step) {
    if (const auto taken = throttle.take(kept, now, 1)) {
      kept = *taken;
      ++passed;
    }
  }
  return passed;
}

TEST(Throttle, LetsTheRatePassAndTheBurstOnce) {
  const Throttle throttle(100, seconds(1), 10);
  EXPECT_EQ(count_passed(throttle, kStart, seconds(10), milliseconds(1)), 1009U);
}

TEST(Throttle, ASlowSenderIsNeverRefused) {
  const Throttle throttle(100, seconds(1), 1);
  EXPECT_EQ(count_passed(throttle, kStart, seconds(10), milliseconds(10)), 1000U);
}

TEST(Throttle, ThePastIsForgottenAfterAPause) {
  const Throttle throttle(10, seconds(1), 5);
  Instant kept(0);
  for (int i = 0; i < 5; ++i) kept = throttle.take(kept, kStart, 1).value();
  EXPECT_FALSE(throttle.take(kept, kStart, 1));
  const Instant later = kStart + hours(1);
  for (int i = 0; i < 5; ++i) kept = throttle.take(kept, later, 1).value();
  EXPECT_FALSE(throttle.take(kept, later, 1));
}

TEST(Throttle, WaitIsExact) {
  const Throttle throttle(10, seconds(1), 2);
  const Instant kept = throttle.take(Instant(0), kStart, 2).value();
  EXPECT_EQ(throttle.wait(kept, kStart, 1), milliseconds(100));
  EXPECT_EQ(throttle.wait(kept, kStart, 2), milliseconds(200));
  EXPECT_FALSE(throttle.take(kept, kStart + milliseconds(99), 1));
  EXPECT_TRUE(throttle.take(kept, kStart + milliseconds(100), 1));
  EXPECT_EQ(throttle.wait(kept, kStart + milliseconds(100), 1), Duration(0));
}

TEST(Throttle, MoreThanTheBurstNeverFits) {
  const Throttle throttle(10, seconds(1), 2);
  EXPECT_FALSE(throttle.take(Instant(0), kStart, 3));
}

TEST(Throttle, LargeRatesDoNotOverflowAndSmallOnesAreNotRoundedAway) {
  const Throttle large(1'000'000'000, std::chrono::hours(24), 100'000'000);
  EXPECT_TRUE(large.take(Instant(0), kStart, 100'000'000));
  EXPECT_FALSE(large.take(Instant(0), kStart, 100'000'001));
  // A third of a nanosecond each: never more than the rate.
  const Throttle fast(3'000'000'000, seconds(1), 1);
  EXPECT_EQ(fast.take(Instant(0), kStart, 1), kStart + Duration(1));
}

}  // namespace
}  // namespace sluice::shaping
