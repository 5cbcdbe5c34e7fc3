#include "smtp/dsn_parameters.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::smtp {
namespace {

struct XtextCase {
  std::string_view name;
  std::string_view text;
  bool is_good;
};

class Xtext : public testing::TestWithParam<XtextCase> {};

TEST_P(Xtext, IsVisibleAndEncodesWhatItMust) {
  EXPECT_EQ(is_xtext(GetParam().text), GetParam().is_good);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Xtext,
    testing::Values(XtextCase{"plain", "abc-123@example.com", true},
                    XtextCase{"encoded", "a+2Bb+3D", true}, XtextCase{"empty", "", true},
                    XtextCase{"lower_case_digits", "a+2bb", false},
                    XtextCase{"cut_short", "a+2", false}, XtextCase{"lone_plus", "a+", false},
                    XtextCase{"equals", "a=b", false}, XtextCase{"space", "a b", false},
                    XtextCase{"high_byte", "\xc3", false}),
    [](const auto& info) { return std::string(info.param.name); });

struct NotifyCase {
  std::string_view name;
  std::string_view value;
  std::optional<Notify> expected;  // none: refused
};

class ParseNotify : public testing::TestWithParam<NotifyCase> {};

TEST_P(ParseNotify, ReadsWhatTheTableSays) {
  const auto parsed = parse_notify(GetParam().value);
  ASSERT_EQ(parsed.has_value(), GetParam().expected.has_value());
  if (parsed) {
    EXPECT_EQ(*parsed, *GetParam().expected);
  } else {
    EXPECT_EQ(parsed.error().code, 501);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParseNotify,
    testing::Values(NotifyCase{"never", "NEVER", Notify::never},
                    NotifyCase{"success", "success", Notify::success},
                    NotifyCase{"all", "SUCCESS,FAILURE,DELAY",
                               Notify::success | Notify::failure | Notify::delay},
                    NotifyCase{"never_and", "NEVER,FAILURE", {}},
                    NotifyCase{"and_never", "FAILURE,NEVER", {}},
                    NotifyCase{"twice", "FAILURE,FAILURE", {}}, NotifyCase{"empty", "", {}},
                    NotifyCase{"trailing_comma", "FAILURE,", {}},
                    NotifyCase{"unknown", "ALWAYS", {}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(EnvelopeId, IsBounded) {
  EXPECT_TRUE(parse_envelope_id(std::string(kEnvelopeIdBytesMax, 'a')).has_value());
  EXPECT_FALSE(parse_envelope_id(std::string(kEnvelopeIdBytesMax + 1, 'a')).has_value());
  EXPECT_FALSE(parse_envelope_id("").has_value());
  EXPECT_FALSE(parse_envelope_id("a=b").has_value());
}

TEST(ReturnContent, IsOneOfTwoWords) {
  EXPECT_EQ(parse_return_content("full"), ReturnContent::full);
  EXPECT_EQ(parse_return_content("HDRS"), ReturnContent::headers);
  EXPECT_FALSE(parse_return_content("BOTH").has_value());
}

TEST(OriginalRecipient, NamesAKindAndAnAddress) {
  EXPECT_EQ(parse_original_recipient("rfc822;a+2B@example.com"), "rfc822;a+2B@example.com");
  for (const char* const bad : {"a@example.com", "rfc822;", ";a@b", "rfc 822;a@b", "rfc822;a+b"}) {
    EXPECT_FALSE(parse_original_recipient(bad).has_value()) << bad;
  }
  const std::string longest = "rfc822;" + std::string(kOriginalRecipientBytesMax - 7, 'a');
  EXPECT_TRUE(parse_original_recipient(longest).has_value());
  EXPECT_FALSE(parse_original_recipient(longest + "a").has_value());
}

}  // namespace
}  // namespace sluice::smtp
