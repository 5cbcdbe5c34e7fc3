#include "core/config_difference.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

struct Place {
  std::vector<std::string> domains = {};
};
struct Customer {
  std::string name;
  std::optional<std::uint32_t> quota = {};
};
struct Limits {
  std::uint32_t memory = 1;
};
struct Settings {
  std::string spool = "/var";
  Limits limits = {};
  std::vector<Place> places = {};
  std::vector<Customer> customers = {};
};

constexpr auto kPlaceKeys = std::tuple{key("domains", &Place::domains, "Where to.")};
constexpr auto kCustomerKeys =
    std::tuple{key("name", &Customer::name, "Who."), key("quota", &Customer::quota, "How much.")};
constexpr auto kLimitKeys = std::tuple{key("memory", &Limits::memory, "How much.")};
constexpr auto kKeys = std::tuple{key("spool", &Settings::spool, "Where.").at_restart(),
                                  table("limits", &Settings::limits, kLimitKeys, "Limits."),
                                  tables("place", &Settings::places, kPlaceKeys, "Places."),
                                  tables("customer", &Settings::customers, kCustomerKeys, "Who."),
                                  not_available("other")};

std::vector<ConfigChange> changes(const Settings& before, const Settings& after) {
  return compare_config(before, after, kKeys);
}

TEST(ConfigDifference, OfEqualConfigurationsIsEmpty) {
  const Settings settings{.customers = {{.name = "acme", .quota = 5}}};
  EXPECT_TRUE(changes(settings, settings).empty());
}

TEST(ConfigDifference, NamesWhatChangedAndWhenItCounts) {
  const Settings before;
  const Settings after{.spool = "/srv", .limits = {.memory = 2}};
  EXPECT_EQ(changes(before, after),
            (std::vector<ConfigChange>{
                {.key = "spool", .before = "\"/var\"", .after = "\"/srv\"", .is_fixed = true},
                {.key = "limits.memory", .before = "1", .after = "2", .is_fixed = false}}));
}

TEST(ConfigDifference, ComparesNamedItemsByTheirName) {
  const Settings before{.customers = {{.name = "acme", .quota = 5}, {.name = "blue"}}};
  const Settings after{.customers = {{.name = "blue"}, {.name = "acme", .quota = 6}}};
  EXPECT_EQ(changes(before, after),
            (std::vector<ConfigChange>{
                {.key = "customer[acme].quota", .before = "5", .after = "6", .is_fixed = false}}));
}

TEST(ConfigDifference, TellsWhatCameAndWhatWent) {
  const Settings before{.places = {{.domains = {"a.example"}}}};
  const Settings after{.customers = {{.name = "acme"}}};
  EXPECT_EQ(
      changes(before, after),
      (std::vector<ConfigChange>{
          {.key = "place[0].domains", .before = "[\"a.example\"]", .after = "", .is_fixed = false},
          {.key = "customer[acme].name", .before = "", .after = "\"acme\"", .is_fixed = false}}));
}

TEST(ConfigDifference, TellsOfAnOptionalThatWasSet) {
  const Settings before{.customers = {{.name = "acme"}}};
  const Settings after{.customers = {{.name = "acme", .quota = 1}}};
  ASSERT_EQ(changes(before, after).size(), 1U);
  EXPECT_EQ(changes(before, after)[0].before, "");
  EXPECT_EQ(changes(before, after)[0].after, "1");
}

}  // namespace
}  // namespace sluice
