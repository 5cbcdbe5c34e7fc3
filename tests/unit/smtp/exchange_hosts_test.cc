#include "smtp/exchange_hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

using testing::ElementsAre;
using Records = std::vector<MxRecord>;

ExchangeHosts hosts_of(const Records& records) {
  return exchange_hosts("a.test", records,
                        [](const std::string& name) { return name == "relay.test"; });
}

std::vector<std::string> names_of(const Records& records) {
  std::vector<std::string> names;
  for (const ExchangeHost& host : hosts_of(records).hosts) names.push_back(host.name);
  return names;
}

TEST(ExchangeHosts, StandInTheOrderOfTheirPreference) {
  EXPECT_THAT(names_of({{20, "c.test"}, {10, "b.test"}, {0, "z.test"}, {10, "a.test"}}),
              ElementsAre("z.test", "a.test", "b.test", "c.test"));
}

TEST(ExchangeHosts, AreTheDomainItselfWithoutRecords) {
  EXPECT_THAT(hosts_of({}).hosts, ElementsAre(ExchangeHost{"a.test", 0}));
}

TEST(ExchangeHosts, AreNoneWhereTheDomainTakesNoMail) {
  EXPECT_EQ(hosts_of({{0, ""}}).verdict, ExchangeVerdict::takes_no_mail);
  EXPECT_EQ(hosts_of({{10, ""}}).verdict, ExchangeVerdict::takes_no_mail);
  EXPECT_THAT(names_of({{0, ""}, {10, "mx.test"}}), ElementsAre("mx.test"));
}

TEST(ExchangeHosts, LeaveOutWhatIsNoName) {
  EXPECT_THAT(names_of({{0, "192.0.2.1"}, {5, "a b.test"}, {10, "mx.test"}}),
              ElementsAre("mx.test"));
  EXPECT_EQ(hosts_of({{0, "192.0.2.1"}}).verdict, ExchangeVerdict::no_good_name);
}

TEST(ExchangeHosts, AppearOnceWithTheirBestPreference) {
  EXPECT_THAT(hosts_of({{20, "mx.test"}, {10, "mx.test"}}).hosts,
              ElementsAre(ExchangeHost{"mx.test", 10}));
}

TEST(ExchangeHosts, EndBeforeThisRelay) {
  EXPECT_THAT(names_of({{10, "a.test"}, {20, "relay.test"}, {20, "b.test"}, {30, "c.test"}}),
              ElementsAre("a.test"));
  EXPECT_EQ(hosts_of({{10, "relay.test"}, {20, "b.test"}}).verdict, ExchangeVerdict::is_ourselves);
}

TEST(ExchangeHosts, AreBounded) {
  Records records;
  for (std::size_t i = 0; i <= kExchangeHostsMax; ++i) {
    records.push_back({static_cast<std::uint16_t>(i), "mx" + std::to_string(i) + ".test"});
  }
  const auto hosts = hosts_of(records).hosts;
  EXPECT_EQ(hosts.size(), kExchangeHostsMax);
  EXPECT_EQ(hosts.front().name, "mx0.test");
}

}  // namespace
}  // namespace sluice::smtp
