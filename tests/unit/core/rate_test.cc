#include "core/rate.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct RateCase {
  std::string_view name;
  std::string_view text;
  std::optional<Rate> expected;
};

class ParseRate : public testing::TestWithParam<RateCase> {};

TEST_P(ParseRate, ReadsWhatTheTableSays) {
  EXPECT_EQ(parse_rate(GetParam().text), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParseRate,
    testing::Values(
        RateCase{"second", "100/s", Rate{100, seconds(1), {}}},
        RateCase{"commas", "1,000/min", Rate{1000, minutes(1), {}}},
        RateCase{"two_commas", "1,234,567/h", Rate{1'234'567, hours(1), {}}},
        RateCase{"thousands", "50k/h", Rate{50'000, hours(1), {}}},
        RateCase{"millions", "2m/day", Rate{2'000'000, hours(24), {}}},
        RateCase{"burst", "1,000/min,max_burst=10", Rate{1000, minutes(1), 10}},
        RateCase{"burst_commas", "5/s,max_burst=1,000", Rate{5, seconds(1), 1000}},
        RateCase{"most", "1000000000000/s", Rate{kRateAmountMax, seconds(1), {}}},
        RateCase{"past_most", "1000000000001/s", {}},
        RateCase{"past_most_millions", "1000001m/s", {}}, RateCase{"nothing", "0/s", {}},
        RateCase{"empty", "", {}}, RateCase{"no_period", "100", {}},
        RateCase{"no_amount", "/s", {}}, RateCase{"unknown_period", "100/week", {}},
        RateCase{"short_group", "1,00/s", {}}, RateCase{"long_group", "1,0000/s", {}},
        RateCase{"leading_comma", ",100/s", {}}, RateCase{"trailing_comma", "100,/s", {}},
        RateCase{"wide_first_group", "1000,000/s", {}}, RateCase{"sign", "+5/s", {}},
        RateCase{"space", "5 /s", {}}, RateCase{"burst_of_nothing", "5/s,max_burst=0", {}},
        RateCase{"burst_empty", "5/s,max_burst=", {}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Rate, IsShownAsItIsRead) {
  for (const std::string_view text : {"100/s", "1000/min", "5/h,max_burst=7", "500000/day"}) {
    const auto rate = parse_rate(text);
    ASSERT_TRUE(rate.has_value()) << text;
    EXPECT_EQ(show_rate(*rate), text);
  }
}

}  // namespace
}  // namespace sluice
