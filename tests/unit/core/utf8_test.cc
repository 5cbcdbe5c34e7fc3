#include "core/utf8.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

struct Utf8Case {
  const char* name;
  std::string_view text;
  std::size_t length;
};

class Utf8Length : public testing::TestWithParam<Utf8Case> {};

TEST_P(Utf8Length, IsThatOfTheFirstCharacter) {
  EXPECT_EQ(utf8_length(GetParam().text), GetParam().length);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Utf8Length,
    testing::Values(
        Utf8Case{"empty", "", 0}, Utf8Case{"ascii", "ab", 1}, Utf8Case{"two", "\xC2\x80z", 2},
        Utf8Case{"three", "\xE0\xA0\x80", 3}, Utf8Case{"before_surrogates", "\xED\x9F\xBF", 3},
        Utf8Case{"four", "\xF0\x90\x80\x80", 4}, Utf8Case{"last", "\xF4\x8F\xBF\xBF", 4},
        Utf8Case{"lone_continuation", "\x80", 0}, Utf8Case{"overlong_two", "\xC1\xBF", 0},
        Utf8Case{"overlong_three", "\xE0\x9F\xBF", 0},
        Utf8Case{"overlong_four", "\xF0\x8F\xBF\xBF", 0}, Utf8Case{"surrogate", "\xED\xA0\x80", 0},
        Utf8Case{"past_the_last", "\xF4\x90\x80\x80", 0},
        Utf8Case{"five", "\xF8\x88\x80\x80\x80", 0}, Utf8Case{"cut_short", "\xE2\x82", 0},
        Utf8Case{"broken", "\xE2\x28\xA1", 0}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sluice
