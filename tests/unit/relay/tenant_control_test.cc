#include "relay/tenant_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/relay/fake_spool.h"

namespace sluice::relay {
namespace {

using testing::HasSubstr;

class TenantControls : public testing::Test {
 protected:
  TenantControls() {
    auto config = std::make_shared<RelayConfig>();
    config->hostname = "relay.example";
    config->retries.push_back(RetrySettings());
    config->tenants.push_back({.name = "acme", .quota = {}, .queued = 1000});
    policy_ = *ReceptionPolicy::make(std::move(config), tenants_, nullptr);
  }
  // Asks the control for something that takes time.
  using Ask = Task<Result<void>> (TenantControl::*)(std::string, TenantPart);
  Result<void> ask(Ask what, const std::string& tenant, TenantPart part) {
    Result<void> answer;
    run_on_shard([&](Shard& shard) { return wait_for(shard, what, tenant, part, answer); });
    return answer;
  }
  Task<void> wait_for(Shard& shard, Ask what, std::string tenant, TenantPart part,
                      Result<void>& answer) {
    TenantControl control = on(shard);
    answer = co_await (control.*what)(std::move(tenant), part);
  }
  TenantControl on(Shard& shard) {
    return TenantControl(
        {.shard = shard, .shards = shards_, .spool = spool_, .tenants = tenants_, .policy = [this] {
           return policy_;
         }});
  }
  TenantRow row_of(const std::string& tenant) {
    const auto shard = open_shard();
    return *on(*shard).show(tenant);
  }

  FakeSpool spool_;
  TenantRegistry tenants_;
  std::shared_ptr<const ReceptionPolicy> policy_;
  std::unique_ptr<ShardGroup> group_ = *ShardGroup::start(1, kTestSeed);
  ShardParts shards_{*group_};
};

TEST_F(TenantControls, SuspendAndKeepItInTheLedger) {
  ASSERT_TRUE(ask(&TenantControl::suspend, "acme", TenantPart::delivery));
  EXPECT_TRUE(tenants_.tenant("acme").is_suspended(TenantPart::delivery));
  EXPECT_FALSE(tenants_.tenant("acme").is_suspended(TenantPart::reception));
  ASSERT_EQ(spool_.ledger.size(), 1U);
  EXPECT_EQ(spool_.ledger[0].name, suspension_entry(TenantPart::delivery, "acme"));
  EXPECT_EQ(spool_.ledger[0].amount, 1U);
  EXPECT_EQ(spool_.ledger[0].expiry, spool::kNeverExpires);
}

TEST_F(TenantControls, SuspendThoughTheDiskDoesNotKeepIt) {
  spool_.ledger_failure = Error(ErrorCode::storage_full, "the spool is full");
  const auto suspended = ask(&TenantControl::suspend, "acme", TenantPart::reception);
  ASSERT_FALSE(suspended);
  EXPECT_EQ(suspended.error().code(), ErrorCode::storage_full);
  EXPECT_TRUE(tenants_.tenant("acme").is_suspended(TenantPart::reception));
}

TEST_F(TenantControls, ResumeWhenTheDiskKeepsIt) {
  tenants_.tenant("acme").set_suspended(TenantPart::reception, true);
  spool_.ledger_failure = Error(ErrorCode::storage_full, "the spool is full");
  EXPECT_FALSE(ask(&TenantControl::resume, "acme", TenantPart::reception));
  EXPECT_TRUE(tenants_.tenant("acme").is_suspended(TenantPart::reception));
  spool_.ledger_failure.reset();
  EXPECT_TRUE(ask(&TenantControl::resume, "acme", TenantPart::reception));
  EXPECT_FALSE(tenants_.tenant("acme").is_suspended(TenantPart::reception));
  EXPECT_EQ(spool_.ledger.back().amount, 0U);
}

TEST_F(TenantControls, KnowNobodyWhoIsNeitherConfiguredNorQueued) {
  const auto unknown = ask(&TenantControl::suspend, "nobody", TenantPart::delivery);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), ErrorCode::not_found);
  EXPECT_THAT(unknown.error().sentence(), HasSubstr("no tenant \"nobody\""));
  EXPECT_TRUE(spool_.ledger.empty());
}

TEST_F(TenantControls, ShowLimitsAndWhatCountsAgainstThem) {
  Tenant& acme = tenants_.tenant("acme");
  acme.usage.queued.add(3, 500);
  acme.set_suspended(TenantPart::reception, true);
  const TenantRow row = row_of("acme");
  ASSERT_TRUE(row.limits.has_value());
  EXPECT_EQ(row.limits->queued, 1000U);
  EXPECT_EQ(row.queued, 3U);
  EXPECT_EQ(row.queued_bytes, 500U);
  EXPECT_TRUE(row.is_reception_suspended);
  EXPECT_FALSE(row.is_delivery_suspended);
}

TEST_F(TenantControls, ShowATenantThatHasLeftTheConfiguration) {
  tenants_.tenant("gone").usage.queued.add(1, 10);
  EXPECT_FALSE(row_of("gone").limits.has_value());
}

TEST_F(TenantControls, RestoreWhatTheLedgerKept) {
  const auto day = day_of(WallTime(1'790'000'000'000));
  restore_suspensions(
      {{.name = suspension_entry(TenantPart::delivery, "acme"), .amount = 1, .expiry = WallTime(0)},
       {.name = suspension_entry(TenantPart::reception, "acme"),
        .amount = 0,
        .expiry = WallTime(0)},
       {.name = "something else", .amount = 1, .expiry = WallTime(0)}},
      tenants_);
  EXPECT_TRUE(tenants_.tenant("acme").is_suspended(TenantPart::delivery));
  EXPECT_FALSE(tenants_.tenant("acme").is_suspended(TenantPart::reception));
  restore_quotas({{.name = quota_entry("acme", day), .amount = 7, .expiry = WallTime(0)},
                  {.name = "something else", .amount = 1, .expiry = WallTime(0)}},
                 tenants_);
  EXPECT_EQ(tenants_.tenant("acme").usage.accepted.used(day), 7U);
}

}  // namespace
}  // namespace sluice::relay
