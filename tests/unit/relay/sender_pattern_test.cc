#include "relay/sender_pattern.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::relay {
namespace {

smtp::Address address(std::string_view text) {
  if (text.empty()) return {};
  const auto parsed = smtp::parse_mailbox(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(smtp::Address{});
}

struct MatchCase {
  const char* name;
  const char* pattern;
  const char* address;  // empty: the null reverse-path
  bool matches;
};
class MatchSenderPattern : public testing::TestWithParam<MatchCase> {};

TEST_P(MatchSenderPattern, AsTheTableSays) {
  const auto pattern = SenderPattern::parse(GetParam().pattern);
  ASSERT_TRUE(pattern.has_value());
  EXPECT_EQ(pattern->matches(address(GetParam().address)), GetParam().matches);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, MatchSenderPattern,
    testing::Values(
        MatchCase{"any", "*", "a@example.com", true},
        MatchCase{"any_literal", "*", "a@[192.0.2.1]", true},
        MatchCase{"any_but_null", "*", "", false},
        MatchCase{"domain", "*@example.com", "a@example.com", true},
        MatchCase{"domain_in_capitals", "*@example.com", "a@EXAMPLE.com", true},
        MatchCase{"pattern_in_capitals", "*@EXAMPLE.com", "a@example.com", true},
        MatchCase{"domain_below", "*@example.com", "a@sub.example.com", false},
        MatchCase{"domain_that_ends_so", "*@example.com", "a@notexample.com", false},
        MatchCase{"domain_that_goes_on", "*@example.com", "a@example.com.evil.org", false},
        MatchCase{"domain_but_null", "*@example.com", "", false},
        MatchCase{"domain_in_local_part", "*@example.com", "\"a@example.com\"@evil.org", false},
        MatchCase{"literal", "*@[192.0.2.1]", "a@[192.0.2.1]", true},
        MatchCase{"below", "*@*.example.com", "a@sub.example.com", true},
        MatchCase{"far_below", "*@*.example.com", "a@x.y.example.com", true},
        MatchCase{"below_in_capitals", "*@*.example.com", "a@SUB.Example.Com", true},
        MatchCase{"below_not_itself", "*@*.example.com", "a@example.com", false},
        MatchCase{"below_other_domain", "*@*.example.com", "a@sub.notexample.com", false},
        MatchCase{"mailbox", "news@example.com", "news@Example.com", true},
        MatchCase{"mailbox_other_case", "news@example.com", "News@example.com", false},
        MatchCase{"mailbox_other_domain", "news@example.com", "news@sub.example.com", false},
        MatchCase{"mailbox_with_tag", "news@example.com", "news+a@example.com", false},
        MatchCase{"mailbox_quoted", "\"a b\"@example.com", "\"a b\"@example.com", true}),
    [](const auto& info) { return info.param.name; });

struct WrongCase {
  const char* name;
  const char* text;
};
class WrongSenderPattern : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongSenderPattern, IsRefused) {
  EXPECT_FALSE(SenderPattern::parse(GetParam().text).has_value());
}

INSTANTIATE_TEST_SUITE_P(
    Cases, WrongSenderPattern,
    testing::Values(WrongCase{"empty", ""}, WrongCase{"domain_alone", "example.com"},
                    WrongCase{"star_domain_alone", "*.example.com"}, WrongCase{"two_stars", "**"},
                    WrongCase{"no_domain", "*@"}, WrongCase{"no_domain_below", "*@*."},
                    WrongCase{"star_for_domain", "*@*"}, WrongCase{"star_in_label", "*@a*.com"},
                    WrongCase{"star_in_local_part", "news*@example.com"},
                    WrongCase{"below_literal", "*@*.[192.0.2.1]"},
                    WrongCase{"mailbox_below", "news@*.example.com"},
                    WrongCase{"brackets", "<a@example.com>"}, WrongCase{"space", "*@ example.com"}),
    [](const auto& info) { return info.param.name; });

TEST(SenderPattern, IsShownAsItIsRead) {
  for (const std::string_view text :
       {"*", "*@example.com", "*@*.example.com", "News@example.com"}) {
    EXPECT_EQ(SenderPattern::parse(text)->to_string(), text);
  }
  EXPECT_EQ(SenderPattern::parse("A@EXAMPLE.com")->to_string(), "A@example.com");
}

TEST(SenderPattern, OneOfSeveralSuffices) {
  const std::vector<SenderPattern> patterns = {*SenderPattern::parse("*@a.example"),
                                               *SenderPattern::parse("*@b.example")};
  EXPECT_TRUE(matches_any(patterns, address("x@b.example")));
  EXPECT_FALSE(matches_any(patterns, address("x@c.example")));
  EXPECT_FALSE(matches_any({}, address("x@a.example")));
}

}  // namespace
}  // namespace sluice::relay
