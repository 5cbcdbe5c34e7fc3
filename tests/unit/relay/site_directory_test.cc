#include "relay/site_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace sluice::relay {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr Instant kNow(1'000'000'000'000);
constexpr Instant kLater = kNow + minutes(5);

std::vector<smtp::ExchangeHost> hosts(std::initializer_list<smtp::ExchangeHost> list) {
  return list;
}

class Directory : public testing::Test {
 protected:
  Directory() {
    auto config = std::make_shared<RelayConfig>();
    config->routes.emplace_back();
    planned_.config = config;
  }
  std::size_t learn(const std::string& domain, const std::vector<smtp::ExchangeHost>& where,
                    std::size_t route = 1, Instant until = kLater) {
    const SiteDirectory::Route of{.number = route, .planned = planned_};
    return directory_.learn(of, domain, where, until).value();
  }

  PlannedSite planned_{.kind = SiteKind::mx_route,
                       .site = nullptr,
                       .config = nullptr,
                       .security = std::make_shared<const RouteSecurity>(),
                       .connections = 7};
  SiteDirectory directory_{2};
};

TEST_F(Directory, GivesDomainsWithTheSameHostsOneSite) {
  const std::size_t site = learn("a.test", hosts({{"mx1.test", 10}, {"mx2.test", 20}}));
  EXPECT_EQ(learn("b.test", hosts({{"mx1.test", 5}, {"mx2.test", 6}})), site);
  EXPECT_NE(learn("c.test", hosts({{"mx1.test", 10}, {"mx2.test", 10}})), site);
  EXPECT_NE(learn("d.test", hosts({{"mx1.test", 10}})), site);
  EXPECT_NE(learn("a.test", hosts({{"mx1.test", 10}, {"mx2.test", 20}}), 2), site);
  EXPECT_EQ(directory_.sites(), 4u);
}

TEST_F(Directory, RanksTheHostsOfASiteByPreference) {
  const std::size_t number =
      learn("a.test", hosts({{"x.test", 0}, {"y.test", 10}, {"z.test", 10}}));
  Site& site = *directory_.find(number)->site;
  EXPECT_EQ(site.host(0).to_string(), "x.test:25");
  EXPECT_FALSE(site.has_better(0));
  EXPECT_TRUE(site.has_better(1));
  site.note_failure(0, kNow, "refused");
  std::set<std::size_t> chosen;
  for (std::uint64_t chance = 0; chance < 4; ++chance) {
    chosen.insert(site.choose_host(kNow, minutes(1), chance).value());
  }
  EXPECT_THAT(chosen, testing::ElementsAre(1, 2));
}

TEST_F(Directory, KnowsAPlaceForAsLongAsItHolds) {
  const std::size_t site = learn("a.test", hosts({{"mx.test", 0}}));
  EXPECT_EQ(directory_.place_of(1, "a.test", kNow)->site, site);
  EXPECT_FALSE(directory_.place_of(1, "a.test", kLater).has_value());
  EXPECT_FALSE(directory_.place_of(2, "a.test", kNow).has_value());
  EXPECT_FALSE(directory_.place_of(1, "b.test", kNow).has_value());
}

TEST_F(Directory, ForgetsASiteThatNobodyUsesAndNeverGivesItsNumberAgain) {
  const std::size_t site = learn("a.test", hosts({{"mx.test", 0}}));
  auto used = directory_.find(site);
  directory_.forget_idle(kNow + hours(1));
  EXPECT_TRUE(directory_.find(site).has_value());
  used.reset();
  directory_.forget_idle(kLater + kSiteForgotten - minutes(1));
  EXPECT_TRUE(directory_.find(site).has_value());
  directory_.forget_idle(kLater + kSiteForgotten);
  EXPECT_FALSE(directory_.find(site).has_value());
  EXPECT_NE(learn("a.test", hosts({{"mx.test", 0}})), site);
}

TEST(SiteName, IsShortForHostsOfOneDomain) {
  EXPECT_EQ(site_name({{"mx.example.net", 0}}), "mx.example.net");
  EXPECT_EQ(site_name({{"mx1.example.net", 0}, {"mx2.example.net", 5}}), "(mx1|mx2).example.net");
  EXPECT_EQ(site_name({{"in.example.net", 5}, {"a.in.example.net", 10}}), "(a)?.in.example.net");
  EXPECT_EQ(site_name({{"a.test", 0}, {"b.example", 0}}), "(a.test|b.example)");
  EXPECT_EQ(site_name({{"xmx.test", 0}, {"mx.test", 0}}), "(xmx|mx).test");
}

}  // namespace
}  // namespace sluice::relay
