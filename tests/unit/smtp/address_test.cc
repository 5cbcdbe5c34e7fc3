#include "smtp/address.h"

#include <gtest/gtest.h>

#include <ostream>

namespace sluice::smtp {
namespace {

const std::string kLongestLabel(63, 'd');
// 4 * 63 + 3 dots = 255
const std::string kLongestDomain =
    kLongestLabel + '.' + kLongestLabel + '.' + kLongestLabel + '.' + kLongestLabel;

struct PathCase {
  std::string name;
  std::string text;
  PathKind kind;
  std::optional<std::string> address;  // nothing: must be refused
};
void PrintTo(const PathCase& row, std::ostream* out) { *out << row.name; }

class Paths : public testing::TestWithParam<PathCase> {};

TEST_P(Paths, AreReadOrRefused) {
  const auto parsed = parse_path(GetParam().text, GetParam().kind);
  ASSERT_EQ(parsed.has_value(), GetParam().address.has_value());
  if (parsed) EXPECT_EQ(parsed->to_string(), *GetParam().address);
}

constexpr auto kReverse = PathKind::reverse;
constexpr auto kForward = PathKind::forward;

INSTANTIATE_TEST_SUITE_P(
    Good, Paths,
    testing::Values(
        PathCase{"plain", "<a@b.example>", kForward, "a@b.example"},
        PathCase{"case_is_kept", "<A.b@B.Example>", kForward, "A.b@B.Example"},
        PathCase{"atom_chars", "<!#$%&'*+-/=?^_`{|}~@b>", kForward, "!#$%&'*+-/=?^_`{|}~@b"},
        PathCase{"quoted", "<\"a b@c>\"@d>", kForward, "\"a b@c>\"@d"},
        PathCase{"quoted_pair", "<\"a\\\"b\"@d>", kForward, "\"a\\\"b\"@d"},
        PathCase{"underscore", "<a@_dmarc.b>", kForward, "a@_dmarc.b"},
        PathCase{"literal_v4", "<a@[192.0.2.1]>", kForward, "a@[192.0.2.1]"},
        PathCase{"literal_v6", "<a@[IPv6:2001:db8::1]>", kForward, "a@[IPv6:2001:db8::1]"},
        PathCase{"null_reverse", "<>", kReverse, ""},
        PathCase{"postmaster", "<PostMaster>", kForward, "PostMaster"},
        PathCase{"source_route", "<@x,@y.example:a@b>", kForward, "a@b"},
        PathCase{"source_route_literal", "<@[IPv6:::1]:a@b>", kForward, "a@b"},
        PathCase{"local_at_limit", "<" + std::string(64, 'l') + "@b>", kForward,
                 std::string(64, 'l') + "@b"},
        PathCase{"label_at_limit", "<a@" + kLongestLabel + ">", kForward, "a@" + kLongestLabel},
        PathCase{"path_at_limit", "<a@" + kLongestDomain.substr(0, 252) + ">", kForward,
                 "a@" + kLongestDomain.substr(0, 252)}),
    [](const auto& row) { return row.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Bad, Paths,
    testing::Values(
        PathCase{"empty", "", kForward, {}}, PathCase{"open", "<a@b", kForward, {}},
        PathCase{"bare", "a@b", kForward, {}}, PathCase{"null_forward", "<>", kForward, {}},
        PathCase{"postmaster_reverse", "<postmaster>", kReverse, {}},
        PathCase{"no_domain", "<a>", kForward, {}},
        PathCase{"no_domain_behind_at", "<a@>", kForward, {}},
        PathCase{"no_local", "<@b>", kForward, {}}, PathCase{"dot_first", "<.a@b>", kForward, {}},
        PathCase{"dot_last", "<a.@b>", kForward, {}},
        PathCase{"dot_twice", "<a..b@b>", kForward, {}}, PathCase{"blank", "<a b@b>", kForward, {}},
        PathCase{"two_ats", "<a@b@c>", kForward, {}},
        PathCase{"control", "<a\x01@b>", kForward, {}},
        PathCase{"newline", "<a\n@b>", kForward, {}},
        PathCase{"nul", std::string("<a\0@b>", 6), kForward, {}},
        PathCase{"eight_bit", "<\xC3\xA4@b>", kForward, {}},
        PathCase{"quote_open", "<\"a@b>", kForward, {}},
        PathCase{"quote_glued", "<\"a\"b@c>", kForward, {}},
        PathCase{"quote_ends_in_backslash", "<\"a\\@b>", kForward, {}},
        PathCase{"hyphen_first", "<a@-b>", kForward, {}},
        PathCase{"hyphen_last", "<a@b-.c>", kForward, {}},
        PathCase{"empty_label", "<a@b..c>", kForward, {}},
        PathCase{"dot_at_end", "<a@b.>", kForward, {}},
        PathCase{"literal_open", "<a@[192.0.2.1>", kForward, {}},
        PathCase{"literal_range", "<a@[192.0.2.256]>", kForward, {}},
        PathCase{"literal_v6_untagged", "<a@[2001:db8::1]>", kForward, {}},
        PathCase{"literal_v4_tagged", "<a@[IPv6:192.0.2.1]>", kForward, {}},
        PathCase{"literal_unknown_tag", "<a@[X:1]>", kForward, {}},
        PathCase{"route_open", "<@x:>", kForward, {}},
        PathCase{"route_without_colon", "<@x,@y>", kForward, {}},
        PathCase{"route_bad_domain", "<@-x:a@b>", kForward, {}},
        PathCase{"local_past_limit", "<" + std::string(65, 'l') + "@b>", kForward, {}},
        PathCase{"label_past_limit", "<a@" + kLongestLabel + "d>", kForward, {}},
        PathCase{"path_past_limit", "<ab@" + kLongestDomain.substr(0, 252) + ">", kForward, {}}),
    [](const auto& row) { return row.param.name; });

TEST(Domain, MayHave255Bytes) {
  EXPECT_TRUE(is_valid_domain(kLongestDomain));
  EXPECT_FALSE(is_valid_domain("a." + kLongestDomain.substr(0, 254)));
}

TEST(Address, ComparesItsDomainInLowerCase) {
  EXPECT_EQ(parse_mailbox("A@B.Example")->domain_lower(), "b.example");
}

TEST(Address, KnowsTheNullPath) {
  EXPECT_TRUE(parse_path("<>", PathKind::reverse)->is_null());
  EXPECT_FALSE(parse_path("<postmaster>", PathKind::forward)->is_null());
}

}  // namespace
}  // namespace sluice::smtp
