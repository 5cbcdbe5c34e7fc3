#include "smtp/enhanced_status.h"

#include <gtest/gtest.h>

#include <ostream>

namespace sluice::smtp {
namespace {

struct StatusCase {
  std::string name;
  std::string text;
  std::optional<EnhancedStatus> status;
};
void PrintTo(const StatusCase& row, std::ostream* out) { *out << row.name; }

class EnhancedStatuses : public testing::TestWithParam<StatusCase> {};

TEST_P(EnhancedStatuses, AreReadOrLeftAlone) {
  EXPECT_EQ(parse_enhanced_status(GetParam().text), GetParam().status);
}

INSTANTIATE_TEST_SUITE_P(
    All, EnhancedStatuses,
    testing::Values(StatusCase{"alone", "4.7.1", EnhancedStatus{4, 7, 1}},
                    StatusCase{"with_text", "5.1.1 unknown", EnhancedStatus{5, 1, 1}},
                    StatusCase{"largest", "2.999.999 x", EnhancedStatus{2, 999, 999}},
                    StatusCase{"past_largest", "2.1000.0 x", std::nullopt},
                    StatusCase{"class_3", "3.0.0", std::nullopt},
                    StatusCase{"class_of_two_digits", "25.0.0", std::nullopt},
                    StatusCase{"leading_zero", "2.01.0", std::nullopt},
                    StatusCase{"two_numbers", "5.1 x", std::nullopt},
                    StatusCase{"four_numbers", "5.1.1.1", std::nullopt},
                    StatusCase{"glued", "5.1.1x", std::nullopt},
                    StatusCase{"words", "Ok", std::nullopt}, StatusCase{"empty", "", std::nullopt}),
    [](const auto& row) { return row.param.name; });

TEST(EnhancedStatus, IsWrittenAsItIsRead) {
  EXPECT_EQ(parse_enhanced_status("5.7.26")->to_string(), "5.7.26");
  EXPECT_FALSE(EnhancedStatus().is_present());
}

}  // namespace
}  // namespace sluice::smtp
