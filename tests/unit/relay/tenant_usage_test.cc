#include "relay/tenant_usage.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice::relay {
namespace {

constexpr std::uint64_t kNoLimit = UINT64_MAX;

TEST(Day, NamesCalendarDaysInUtc) {
  EXPECT_EQ(date_of(day_of(WallTime(0))), "1970-01-01");
  const WallTime last_moment(1'772'323'199'999);  // 2026-02-28T23:59:59.999Z
  EXPECT_EQ(date_of(day_of(last_moment)), "2026-02-28");
  EXPECT_EQ(date_of(day_of(last_moment + std::chrono::milliseconds(1))), "2026-03-01");
  EXPECT_EQ(start_of(day_of(last_moment)).milliseconds(), 1'772'236'800'000);
  EXPECT_EQ(quota_entry("acme", day_of(last_moment)), "quota:acme:2026-02-28");
}

TEST(DayCounter, TakesUpToTheLimitAndNoFurther) {
  DayCounter counter;
  EXPECT_TRUE(counter.try_take(100, 7, 10));
  EXPECT_FALSE(counter.try_take(100, 4, 10));
  EXPECT_TRUE(counter.try_take(100, 3, 10));
  EXPECT_FALSE(counter.try_take(100, 1, 10));
  EXPECT_EQ(counter.used(100), 10U);
}

TEST(DayCounter, EachDayBeginsAnew) {
  DayCounter counter;
  EXPECT_TRUE(counter.try_take(100, 10, 10));
  EXPECT_EQ(counter.used(101), 0U);
  EXPECT_TRUE(counter.try_take(101, 10, 10));
  EXPECT_FALSE(counter.try_take(101, 1, 10));
}

TEST(DayCounter, AClockThatJumpsBackGivesNoSecondQuota) {
  DayCounter counter;
  EXPECT_TRUE(counter.try_take(100, 10, 10));
  EXPECT_FALSE(counter.try_take(99, 1, 10));
  EXPECT_EQ(counter.day(99), 100U);
}

TEST(DayCounter, WhatYesterdayTookIsNotGivenBackToday) {
  DayCounter counter;
  EXPECT_TRUE(counter.try_take(100, 5, 10));
  EXPECT_TRUE(counter.try_take(101, 5, 10));
  counter.give_back(100, 5);
  EXPECT_EQ(counter.used(101), 5U);
  counter.give_back(101, 5);
  EXPECT_EQ(counter.used(101), 0U);
}

TEST(DayCounter, RestoresTheLedgerOfEveryPartition) {
  DayCounter counter;
  counter.restore(100, 4);
  counter.restore(100, 3);
  counter.restore(99, 1000);
  EXPECT_EQ(counter.used(100), 7U);
}

TEST(DayCounter, IsExactAmongThreads) {
  DayCounter counter;
  std::atomic<std::uint64_t> taken{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 20'000; ++n) {
          if (counter.try_take(1, 1, 50'000)) taken.fetch_add(1);
        }
      });
    }
  }
  EXPECT_EQ(taken.load(), 50'000U);
  EXPECT_EQ(counter.used(1), 50'000U);
}

TEST(QueuedCounter, TakesBothOrNeither) {
  QueuedCounter counter;
  EXPECT_TRUE(counter.try_take(2, 1000, 3, 1500));
  EXPECT_FALSE(counter.try_take(1, 501, 3, 1500));
  EXPECT_FALSE(counter.try_take(2, 1, 3, 1500));
  EXPECT_EQ(counter.envelopes(), 2U);
  EXPECT_EQ(counter.bytes(), 1000U);
  EXPECT_FALSE(counter.is_full(3, 1500));
  EXPECT_TRUE(counter.try_take(1, 500, 3, 1500));
  EXPECT_TRUE(counter.is_full(3, kNoLimit));
  EXPECT_TRUE(counter.is_full(kNoLimit, 1500));
  counter.give_back(3, 1500);
  EXPECT_EQ(counter.envelopes(), 0U);
  EXPECT_EQ(counter.bytes(), 0U);
}

TEST(QueuedCounter, WhatWasFoundAtTheStartCountsBeyondTheLimit) {
  QueuedCounter counter;
  counter.add(10, 10'000);
  EXPECT_FALSE(counter.try_take(1, 1, 5, kNoLimit));
  EXPECT_EQ(counter.envelopes(), 10U);
}

TEST(QuotaEntry, IsReadAsItWasWritten) {
  const auto entry = parse_quota_entry(quota_entry("acme", 20'783));
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->tenant, "acme");
  EXPECT_EQ(entry->day, 20'783U);
}

TEST(QuotaEntry, OfAnotherKindIsNone) {
  for (const char* const name :
       {"", "quota:", "quota:acme", "quota:acme:2026-13-01", "quota:acme:2026-02-30",
        "quota:acme:20-26-0101", "suspended:reception:acme", "quota:acme:2026-1-001"}) {
    EXPECT_FALSE(parse_quota_entry(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace sluice::relay
