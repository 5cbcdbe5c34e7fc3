#include "relay/site.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace sluice::relay {
namespace {

using std::chrono::seconds;

constexpr Duration kPatience = seconds(60);
constexpr Instant kNow(1'000'000'000'000);

std::vector<SmartHost> two_hosts() {
  return {SmartHost{.host = "first", .port = 25}, SmartHost{.host = "second", .port = 25}};
}

Site two_host_site() { return Site("*", two_hosts(), 10, ShardId(0)); }
Site one_host_site() { return Site("*", {SmartHost{.host = "first", .port = 25}}, 10, ShardId(0)); }

TEST(Site, LeavesAHostAloneThatRefusesTheLogin) {
  Site site = two_host_site();
  site.note_locked_out(0, kNow, "login refused: 535 5.7.8 wrong");
  EXPECT_EQ(site.choose_host(kNow, kPatience, 0), 1U);
  EXPECT_EQ(site.trouble(), "first:25: login refused: 535 5.7.8 wrong");
  site.note_locked_out(1, kNow, "login refused: 535 5.7.8 wrong");
  EXPECT_EQ(site.choose_host(kNow + kLockedOutRetry - seconds(1), kPatience, 0), std::nullopt);
  EXPECT_EQ(site.backoff_until(kNow), kNow + kLockedOutRetry);
  EXPECT_EQ(site.choose_host(kNow + kLockedOutRetry, kPatience, 0), 0U);
  site.note_opened(0);
  EXPECT_EQ(site.choose_host(kNow + kLockedOutRetry, kPatience, 0), 0U);
}

TEST(Site, RemembersWhereTlsFailed) {
  Site site = two_host_site();
  EXPECT_TRUE(site.may_try_tls(0, kNow));
  site.note_tls_failed(0, kNow);
  EXPECT_FALSE(site.may_try_tls(0, kNow + kTlsRetry - seconds(1)));
  EXPECT_TRUE(site.may_try_tls(0, kNow + kTlsRetry));
  EXPECT_TRUE(site.may_try_tls(1, kNow));
}

TEST(LimitCell, RefusesOnePastTheLimit) {
  LimitCell cell(2);
  EXPECT_TRUE(cell.try_acquire());
  EXPECT_TRUE(cell.try_acquire());
  EXPECT_FALSE(cell.has_room());
  EXPECT_FALSE(cell.try_acquire());
  cell.release();
  EXPECT_TRUE(cell.try_acquire());
}

TEST(LimitCell, NeverExceedsItsLimitWhenManyThreadsAsk) {
  constexpr std::uint32_t kLimit = 3;
  LimitCell cell(kLimit);
  std::atomic<std::uint32_t> inside{0};
  std::atomic<std::uint32_t> most{0};
  std::atomic<std::uint32_t> granted{0};
  const auto take_often = [&] {
    for (int i = 0; i < 20'000; ++i) {
      if (!cell.try_acquire()) continue;
      const std::uint32_t now = inside.fetch_add(1) + 1;
      std::uint32_t seen = most.load();
      while (seen < now && !most.compare_exchange_weak(seen, now)) {
      }
      granted.fetch_add(1);
      inside.fetch_sub(1);
      cell.release();
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(take_often);
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(granted.load(), 0u);
  EXPECT_LE(most.load(), kLimit);
  EXPECT_EQ(cell.used(), 0u);
}

TEST(LimitCell, TellsAReleaseToWhoeverAwaitsItOnce) {
  LimitCell cell(1);
  EXPECT_FALSE(cell.take_awaited());
  cell.await_release();
  EXPECT_TRUE(cell.take_awaited());
  EXPECT_FALSE(cell.take_awaited());
}

TEST(Site, TriesItsHostsInOrder) {
  Site site = two_host_site();
  EXPECT_EQ(site.choose_host(kNow, kPatience, 0), 0u);
  site.note_failure(0, kNow, "refused");
  EXPECT_EQ(site.choose_host(kNow, kPatience, 0), 1u);
  site.note_failure(1, kNow, "refused");
  EXPECT_EQ(site.choose_host(kNow, kPatience, 0), std::nullopt);
}

TEST(Site, BacksOffOnlyWhenNoHostMayBeTried) {
  Site site = two_host_site();
  EXPECT_EQ(site.backoff_until(kNow), Instant::far_future());
  site.note_failure(0, kNow, "refused");
  EXPECT_EQ(site.backoff_until(kNow), Instant::far_future());
  site.note_failure(1, kNow + seconds(1) / 2, "refused");
  EXPECT_EQ(site.backoff_until(kNow + seconds(1) / 2), kNow + kHostRetryFirst);
  EXPECT_EQ(site.backoff_until(kNow + kHostRetryFirst), Instant::far_future());
}

TEST(Site, GivesAFailedHostToOneCallerAtATime) {
  Site site = one_host_site();
  site.note_failure(0, kNow, "refused");
  const Instant due = kNow + kHostRetryFirst;
  EXPECT_EQ(site.choose_host(due, kPatience, 0), 0u);
  EXPECT_EQ(site.choose_host(due, kPatience, 0), std::nullopt);
  EXPECT_EQ(site.backoff_until(due), due + kPatience);
  site.note_opened(0);
  EXPECT_EQ(site.choose_host(due, kPatience, 0), 0u);
  EXPECT_EQ(site.choose_host(due, kPatience, 0), 0u);
}

TEST(Site, DoublesTheWaitUpToItsMaximum) {
  Site site = one_host_site();
  Instant now = kNow;
  Duration expected = kHostRetryFirst;
  for (int i = 0; i < 10; ++i) {
    site.note_failure(0, now, "refused");
    EXPECT_EQ(site.backoff_until(now), now + expected);
    now = now + expected;
    EXPECT_EQ(site.choose_host(now, kPatience, 0), 0u);
    expected = std::min(expected * 2, kHostRetryMax);
  }
}

TEST(Site, CountsFailuresOfConnectionsOpenedTogetherOnce) {
  Site site = one_host_site();
  for (int i = 0; i < 5; ++i) site.note_failure(0, kNow, "refused");
  EXPECT_EQ(site.backoff_until(kNow), kNow + kHostRetryFirst);
}

TEST(Site, AHostThatOpensButDoesNotServeIsLeftAloneEverLonger) {
  Site site = one_host_site();
  site.note_failure(0, kNow, "421 closing");
  site.note_opened(0);
  site.note_failure(0, kNow, "421 closing");
  EXPECT_EQ(site.backoff_until(kNow), kNow + 2 * kHostRetryFirst);
  site.note_opened(0);
  site.note_success(0);
  site.note_failure(0, kNow, "421 closing");
  EXPECT_EQ(site.backoff_until(kNow), kNow + kHostRetryFirst);
}

TEST(Site, OneConnectionLeavesToProbeABetterHost) {
  Site site = two_host_site();
  site.note_failure(0, kNow, "refused");
  EXPECT_FALSE(site.should_leave(1, kNow));
  const Instant due = kNow + kHostRetryFirst;
  EXPECT_TRUE(site.should_leave(1, due));
  EXPECT_FALSE(site.should_leave(1, due));
  EXPECT_TRUE(site.should_leave(1, due + kBetterHostPatience));
}

TEST(Site, AllConnectionsLeaveForABetterHostThatWorks) {
  Site site = two_host_site();
  site.note_failure(0, kNow, "refused");
  site.note_opened(0);
  EXPECT_FALSE(site.should_leave(1, kNow));
  site.note_success(0);
  EXPECT_TRUE(site.should_leave(1, kNow));
  EXPECT_TRUE(site.should_leave(1, kNow));
  EXPECT_FALSE(site.should_leave(0, kNow));
}

TEST(Site, NamesTheHostThatFailsAndWhy) {
  Site site = two_host_site();
  EXPECT_EQ(site.trouble(), "");
  site.note_failure(1, kNow, "connection refused");
  EXPECT_EQ(site.trouble(), "second:25: connection refused");
  site.note_opened(1);
  EXPECT_EQ(site.trouble(), "");
}

std::vector<SiteHost> exchange_hosts() {
  return {SiteHost{.address = {.host = "a", .port = 25}, .rank = 0},
          SiteHost{.address = {.host = "b", .port = 25}, .rank = 0}};
}

// Every host fails at each of its times, for so many rounds; the instant at which the last did.
Instant fail_for(Site& site, unsigned rounds, Instant now) {
  for (unsigned round = 0; round < rounds; ++round) {
    for (std::size_t host = 0; host < 2; ++host) site.note_failure(host, now, "timed out");
    if (round + 1 < rounds) now = site.backoff_until(now);
  }
  return now;
}

TEST(Site, IsLeftAloneAsAWholeAfterRoundsInWhichEveryHostFailed) {
  Site site("mx", exchange_hosts(), 10, ShardId(0));
  Instant now = fail_for(site, kRoundsToSiteBackoff - 1, kNow);
  EXPECT_LT(site.backoff_until(now), now + kSiteRetryFirst);
  now = fail_for(site, 1, site.backoff_until(now));
  EXPECT_EQ(site.backoff_until(now), now + kSiteRetryFirst);
  EXPECT_EQ(site.choose_host(now + kSiteRetryFirst - seconds(1), kPatience, 0), std::nullopt);
  // One probe at a time, though both hosts are due.
  now = now + kSiteRetryFirst;
  EXPECT_TRUE(site.choose_host(now, kPatience, 0).has_value());
  EXPECT_EQ(site.choose_host(now, kPatience, 1), std::nullopt);
}

TEST(Site, ThatIsDeadCostsFewAttemptsPerHour) {
  Site site("mx", exchange_hosts(), 10, ShardId(0));
  Instant now = fail_for(site, kRoundsToSiteBackoff, kNow);
  unsigned attempts = 0;
  for (const Instant end = now + std::chrono::hours(10); now < end; ++attempts) {
    now = site.backoff_until(now);
    const auto host = site.choose_host(now, kPatience, attempts);
    ASSERT_TRUE(host.has_value());
    site.note_failure(*host, now, "timed out");
  }
  EXPECT_LE(attempts, 35u);  // two an hour, and some while the wait still grows
}

TEST(Site, ComesBackAtOnceWhenAHostServes) {
  Site site("mx", exchange_hosts(), 10, ShardId(0));
  Instant now = fail_for(site, kRoundsToSiteBackoff + 2, kNow);
  now = site.backoff_until(now);
  const std::size_t host = site.choose_host(now, kPatience, 0).value();
  site.note_opened(host);
  site.note_success(host);
  EXPECT_EQ(site.backoff_until(now), Instant::far_future());
  now = fail_for(site, 1, now);
  EXPECT_LE(site.backoff_until(now), now + kHostRetryMax);
}

TEST(Site, WithoutHostsHasNoneToOffer) {
  Site site("", std::vector<SmartHost>(), 0, ShardId(0));
  EXPECT_FALSE(site.has_hosts());
  EXPECT_FALSE(site.connections().has_room());
  EXPECT_EQ(site.choose_host(kNow, kPatience, 0), std::nullopt);
}

}  // namespace
}  // namespace sluice::relay
