#include "relay/tenant_hold.h"

#include <gtest/gtest.h>

#include <optional>

namespace sluice::relay {
namespace {

constexpr WallTime kNow(1'790'000'000'000);  // in 2026
constexpr Duration kDay = std::chrono::hours(24);

class TenantHolds : public testing::Test {
 protected:
  std::uint64_t accepted() const { return acme_.usage.accepted.used(day_of(kNow)); }

  Tenant acme_{"acme"};
  TenantSettings limits_{.name = "acme",
                         .quota = Rate{.amount = 3, .period = kDay, .max_burst = {}},
                         .queued = 2,
                         .queued_size = ByteCount(100)};
};

TEST_F(TenantHolds, TakeTheQuotaAndNothingMore) {
  TenantHold hold(acme_, limits_);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(hold.take_recipient(kNow));
  EXPECT_FALSE(hold.take_recipient(kNow));
  EXPECT_EQ(accepted(), 3U);
}

TEST_F(TenantHolds, GiveBackWhatWasNotKept) {
  {
    TenantHold hold(acme_, limits_);
    EXPECT_TRUE(hold.take_recipient(kNow));
    EXPECT_TRUE(hold.take_queued(2, 100));
    EXPECT_EQ(acme_.usage.queued.envelopes(), 2U);
  }
  EXPECT_EQ(accepted(), 0U);
  EXPECT_EQ(acme_.usage.queued.envelopes(), 0U);
  EXPECT_EQ(acme_.usage.queued.bytes(), 0U);
}

TEST_F(TenantHolds, LeaveWhatWasKept) {
  {
    TenantHold hold(acme_, limits_);
    EXPECT_TRUE(hold.take_recipient(kNow));
    EXPECT_TRUE(hold.take_queued(1, 100));
    hold.keep();
  }
  EXPECT_EQ(accepted(), 1U);
  EXPECT_EQ(acme_.usage.queued.bytes(), 100U);
}

TEST_F(TenantHolds, GiveBackOnceThoughTheyAreMoved) {
  {
    TenantHold first(acme_, limits_);
    EXPECT_TRUE(first.take_recipient(kNow));
    TenantHold second(std::move(first));
    EXPECT_TRUE(second.take_recipient(kNow));
    EXPECT_EQ(accepted(), 2U);
  }
  EXPECT_EQ(accepted(), 0U);
}

TEST_F(TenantHolds, RefusePastWhatMayWait) {
  TenantHold envelopes(acme_, limits_);
  EXPECT_FALSE(envelopes.take_queued(3, 1));
  TenantHold bytes(acme_, limits_);
  EXPECT_FALSE(bytes.take_queued(1, 101));
  EXPECT_EQ(acme_.usage.queued.envelopes(), 0U);
}

TEST_F(TenantHolds, TellTheLedgerTheDayOnWhichTheyBegan) {
  TenantHold hold(acme_, limits_);
  EXPECT_EQ(hold.ledger_entry(), std::nullopt);
  EXPECT_TRUE(hold.take_recipient(kNow));
  EXPECT_TRUE(hold.take_recipient(kNow + kDay));
  const auto entry = hold.ledger_entry();
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->name, quota_entry("acme", day_of(kNow)));
  EXPECT_EQ(entry->amount, 2U);
  EXPECT_GT(entry->expiry, kNow + kDay);
}

}  // namespace
}  // namespace sluice::relay
