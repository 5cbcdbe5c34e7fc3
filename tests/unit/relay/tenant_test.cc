#include "relay/tenant.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::relay {
namespace {

TEST(TenantRegistry, GivesTheSameTenantForTheSameName) {
  TenantRegistry registry;
  Tenant& acme = registry.tenant("acme");
  EXPECT_EQ(&registry.tenant("acme"), &acme);
  EXPECT_EQ(registry.find("acme"), &acme);
  EXPECT_NE(&registry.tenant("other"), &acme);
}

TEST(TenantRegistry, FindsNobodyWhoWasNeverNamed) {
  TenantRegistry registry;
  EXPECT_EQ(registry.find("acme"), nullptr);
}

TEST(TenantRegistry, VisitsInTheOrderOfNames) {
  TenantRegistry registry;
  for (const char* const name : {"c", "a", "b"}) registry.tenant(name);
  std::vector<std::string> visited;
  registry.for_each([&visited](Tenant& tenant) { visited.push_back(tenant.name()); });
  EXPECT_EQ(visited, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Tenant, OneThatTheConfigurationDoesNotKnowMayNotDeliver) {
  Tenant tenant("acme");
  EXPECT_FALSE(tenant.may_deliver());
  tenant.set_configured(true);
  EXPECT_TRUE(tenant.may_deliver());
}

TEST(Tenant, ASuspensionConcernsItsPartAlone) {
  Tenant tenant("acme");
  tenant.set_configured(true);
  tenant.set_suspended(TenantPart::reception, true);
  EXPECT_TRUE(tenant.may_deliver());
  tenant.set_suspended(TenantPart::delivery, true);
  EXPECT_FALSE(tenant.may_deliver());
  tenant.set_suspended(TenantPart::delivery, false);
  EXPECT_TRUE(tenant.may_deliver());
  EXPECT_TRUE(tenant.is_suspended(TenantPart::reception));
}

TEST(Tenant, FoldsTheCampaignsBeyondItsLimit) {
  constexpr WallTime kNow(1'000'000);
  Tenant tenant("acme");
  for (std::size_t i = 0; i < kCampaignsMax; ++i) {
    const std::string name = "c" + std::to_string(i);
    EXPECT_EQ(tenant.campaign(name, kNow), name);
  }
  EXPECT_EQ(tenant.campaign("one-more", kNow), kOtherCampaigns);
  EXPECT_EQ(tenant.campaign("c0", kNow), "c0");
  EXPECT_EQ(tenant.campaign("", kNow), "");
}

TEST(Tenant, ForgetsTheCampaignsThatNobodyUses) {
  constexpr WallTime kNow(1'000'000);
  Tenant tenant("acme");
  for (std::size_t i = 0; i < kCampaignsMax; ++i) tenant.campaign("c" + std::to_string(i), kNow);
  EXPECT_EQ(tenant.campaign("new", kNow + kCampaignIdleMax), "new");
}

TEST(TenantName, IsBoundedAndPlain) {
  EXPECT_TRUE(is_valid_tenant_name("Acme-1.news_x"));
  EXPECT_TRUE(is_valid_tenant_name(std::string(kTenantNameBytesMax, 'a')));
  EXPECT_FALSE(is_valid_tenant_name(std::string(kTenantNameBytesMax + 1, 'a')));
  for (const char* const name : {"", "a b", "a@b", "a:b", "a/b", "\xc3\xa4"}) {
    EXPECT_FALSE(is_valid_tenant_name(name)) << name;
  }
}

}  // namespace
}  // namespace sluice::relay
