#include "relay/login_limits.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sluice::relay {
namespace {

using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr Instant kNow(1'000'000'000'000);

IpAddress address(std::string_view text) { return *IpAddress::parse(text); }
const IpAddress kClient = address("192.0.2.1");

AuthenticationSettings settings() {
  AuthenticationSettings settings;
  settings.failures_per_address = 3;
  settings.failures_per_user = 5;
  return settings;
}

TEST(LoginLimits, AnAddressMayFailSoOften) {
  LoginLimits limits(settings());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limits.begin_of_address(kClient, kNow));
  EXPECT_FALSE(limits.begin_of_address(kClient, kNow));
  EXPECT_TRUE(limits.begin_of_address(address("192.0.2.2"), kNow));
}

TEST(LoginLimits, AUserMayFailSoOftenWhereverItComesFrom) {
  LoginLimits limits(settings());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limits.begin_of_user("a", kNow));
  EXPECT_FALSE(limits.begin_of_user("a", kNow));
  EXPECT_TRUE(limits.begin_of_user("b", kNow));
}

TEST(LoginLimits, WhatIsTakenBackDoesNotCount) {
  LoginLimits limits(settings());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(limits.begin_of_address(kClient, kNow));
    ASSERT_TRUE(limits.begin_of_user("a", kNow));
    limits.take_back_address(kClient, kNow);
    limits.take_back_user("a", kNow);
  }
  limits.take_back_address(address("192.0.2.9"), kNow);  // never began: nothing to take back
}

TEST(LoginLimits, TheWindowEnds) {
  LoginLimits limits(settings());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limits.begin_of_address(kClient, kNow));
  EXPECT_FALSE(limits.begin_of_address(kClient, kNow + minutes(10) - nanoseconds(1)));
  EXPECT_TRUE(limits.begin_of_address(kClient, kNow + minutes(10)));
}

TEST(LoginLimits, OfIpv6TheNetworkCounts) {
  LoginLimits limits(settings());
  EXPECT_TRUE(limits.begin_of_address(address("2001:db8::1"), kNow));
  EXPECT_TRUE(limits.begin_of_address(address("2001:db8::2"), kNow));
  EXPECT_TRUE(limits.begin_of_address(address("2001:db8::ffff:3"), kNow));
  EXPECT_FALSE(limits.begin_of_address(address("2001:db8::4"), kNow));
  EXPECT_TRUE(limits.begin_of_address(address("2001:db8:0:1::4"), kNow));
}

TEST(LoginLimits, TheDelayDoublesUpToItsBound) {
  AuthenticationSettings many = settings();
  many.failures_per_address = 1000;
  LoginLimits limits(many);
  const int seconds_of[] = {1, 2, 4, 8, 16, 30, 30};
  for (const int wanted : seconds_of) {
    EXPECT_TRUE(limits.begin_of_address(kClient, kNow));
    EXPECT_EQ(limits.delay_of(kClient, "a", kNow), seconds(wanted));
  }
}

TEST(LoginLimits, TheDelayGrowsWithTheFailuresOfTheUserToo) {
  LoginLimits limits(settings());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limits.begin_of_user("a", kNow));
  EXPECT_EQ(limits.delay_of(kClient, "a", kNow), seconds(4));
  EXPECT_EQ(limits.delay_of(kClient, "b", kNow), seconds(1));
}

TEST(LoginLimits, NoDelayIsNoDelay) {
  AuthenticationSettings none = settings();
  none.failure_delay = Duration(0);
  LoginLimits limits(none);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limits.begin_of_address(kClient, kNow));
  EXPECT_EQ(limits.delay_of(kClient, "a", kNow), Duration(0));
}

TEST(LoginLimits, TheRankCountsEarlierAttemptsAndRefusals) {
  LoginLimits limits(settings());
  EXPECT_EQ(limits.rank_of(kClient, kNow), 0U);
  EXPECT_TRUE(limits.begin_of_address(kClient, kNow));
  EXPECT_EQ(limits.rank_of(kClient, kNow), 0U);  // this one
  limits.take_back_address(kClient, kNow);
  limits.note_refusal(kClient, kNow);
  EXPECT_TRUE(limits.begin_of_address(kClient, kNow));
  EXPECT_EQ(limits.rank_of(kClient, kNow), 1U);
}

TEST(FailureTable, ForgetsTheOldestWindowWhenItIsFull) {
  FailureTable<int> table(minutes(10), 3);
  for (int i = 0; i < 3; ++i) ++table.at(i, kNow + seconds(i)).failures;
  ++table.at(0, kNow + seconds(3)).failures;  // its window began first all the same
  EXPECT_EQ(table.size(), 3U);
  ++table.at(3, kNow + seconds(4)).failures;
  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ(table.find(0, kNow + seconds(4)), nullptr);
  EXPECT_EQ(table.find(1, kNow + seconds(4))->failures, 1U);
}

}  // namespace
}  // namespace sluice::relay
