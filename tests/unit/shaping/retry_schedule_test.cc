#include "shaping/retry_schedule.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::shaping {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

struct WaitCase {
  std::string name;
  RetrySchedule schedule;
  unsigned attempts;
  Duration expected;
};

class RetryWait : public testing::TestWithParam<WaitCase> {};

TEST_P(RetryWait, GrowsByTheFactorUpToTheMaximum) {
  EXPECT_EQ(retry_wait(GetParam().schedule, GetParam().attempts), GetParam().expected);
}

const RetrySchedule kBulk{.first = minutes(5), .factor = 2.0, .max = hours(4)};
const RetrySchedule kQuick{.first = minutes(1), .factor = 1.5, .max = minutes(30)};
const RetrySchedule kFlat{.first = minutes(10), .factor = 1.0, .max = hours(1)};
const RetrySchedule kCapped{.first = hours(2), .factor = 2.0, .max = hours(1)};

INSTANTIATE_TEST_SUITE_P(Table, RetryWait,
                         testing::Values(WaitCase{"first", kBulk, 1, minutes(5)},
                                         WaitCase{"second", kBulk, 2, minutes(10)},
                                         WaitCase{"sixth", kBulk, 6, minutes(160)},
                                         WaitCase{"at_max", kBulk, 7, hours(4)},
                                         WaitCase{"past_every_integer", kBulk, 65535, hours(4)},
                                         WaitCase{"fraction", kQuick, 2, std::chrono::seconds(90)},
                                         WaitCase{"flat", kFlat, 1000, minutes(10)},
                                         WaitCase{"first_above_max", kCapped, 1, hours(1)}),
                         [](const auto& info) { return info.param.name; });

TEST(RetryJitter, StaysWithinATenthOnBothSides) {
  for (int step = 0; step < 1000; ++step) {
    const Duration wait = with_jitter(minutes(10), step / 1000.0);
    EXPECT_GE(wait, minutes(9));
    EXPECT_LE(wait, minutes(11));
  }
}

TEST(RetryJitter, ReachesBothSidesAndTheMiddle) {
  EXPECT_EQ(with_jitter(minutes(10), 0.0), minutes(9));
  EXPECT_EQ(with_jitter(minutes(10), 0.5), minutes(10));
  EXPECT_GT(with_jitter(minutes(10), 0.999), minutes(10) + std::chrono::seconds(59));
}

TEST(RetryJitter, NeverPassesTheLongestWait) {
  for (unsigned attempts = 1; attempts < 20; ++attempts) {
    EXPECT_LE(with_jitter(retry_wait(kBulk, attempts), 0.999999), longest_retry_wait(kBulk));
  }
}

}  // namespace
}  // namespace sluice::shaping
