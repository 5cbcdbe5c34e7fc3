#include "smtp/command.h"

#include <gtest/gtest.h>

#include <ostream>

namespace sluice::smtp {
namespace {

struct VerbCase {
  std::string name;
  std::string line;
  Verb verb;
  std::string argument;
};
void PrintTo(const VerbCase& row, std::ostream* out) { *out << row.name; }

class Verbs : public testing::TestWithParam<VerbCase> {};

TEST_P(Verbs, AreSplitFromTheirArguments) {
  const Command command = parse_command(GetParam().line);
  EXPECT_EQ(command.verb, GetParam().verb);
  EXPECT_EQ(command.argument, GetParam().argument);
}

INSTANTIATE_TEST_SUITE_P(All, Verbs,
                         testing::Values(VerbCase{"bare", "DATA", Verb::data, ""},
                                         VerbCase{"any_case", "dAtA", Verb::data, ""},
                                         VerbCase{"argument", "EHLO a.example", Verb::ehlo,
                                                  "a.example"},
                                         VerbCase{"blanks", "HELO   a  \t", Verb::helo, "a"},
                                         VerbCase{"prefix", "DAT", Verb::unknown, ""},
                                         VerbCase{"longer", "DATAS", Verb::unknown, ""},
                                         VerbCase{"empty", "", Verb::unknown, ""},
                                         VerbCase{"blank_first", " DATA", Verb::unknown, "DATA"},
                                         VerbCase{"starttls", "starttls", Verb::starttls, ""},
                                         VerbCase{"auth", "AUTH PLAIN x=", Verb::auth, "PLAIN x="},
                                         VerbCase{"not_spoken", "ETRN x", Verb::other, "x"}),
                         [](const auto& row) { return row.param.name; });

struct MailCase {
  std::string name;
  std::string argument;
  int refusal;  // 0: is accepted
  std::optional<std::uint64_t> size = std::nullopt;
  BodyType body = BodyType::seven_bit;
};
void PrintTo(const MailCase& row, std::ostream* out) { *out << row.name; }

class MailArguments : public testing::TestWithParam<MailCase> {};

TEST_P(MailArguments, AreReadOrRefused) {
  const auto parsed = parse_mail(GetParam().argument);
  EXPECT_EQ(parsed ? 0 : parsed.error().code, GetParam().refusal);
  if (!parsed) return;
  EXPECT_EQ(parsed->size, GetParam().size);
  EXPECT_EQ(parsed->body, GetParam().body);
}

INSTANTIATE_TEST_SUITE_P(
    All, MailArguments,
    testing::Values(MailCase{"plain", "FROM:<a@b>", 0}, MailCase{"any_case", "from:<a@b>", 0},
                    MailCase{"blank_behind_colon", "FROM: <a@b>", 0},
                    MailCase{"null", "FROM:<>", 0},
                    MailCase{"quoted_bracket", "FROM:<\"a>b\"@c> SIZE=1", 0, 1},
                    MailCase{"quoted_escape", "FROM:<\"a\\\">b\"@c>", 0},
                    MailCase{"size", "FROM:<a@b> SIZE=0", 0, 0},
                    MailCase{"size_largest", "FROM:<a@b> SIZE=18446744073709551615", 0, UINT64_MAX},
                    MailCase{"size_beyond_64_bits", "FROM:<a@b> SIZE=99999999999999999999", 0,
                             UINT64_MAX},
                    MailCase{"size_of_21_digits", "FROM:<a@b> SIZE=000000000000000000001", 501},
                    MailCase{"size_empty", "FROM:<a@b> SIZE=", 501},
                    MailCase{"size_without_value", "FROM:<a@b> SIZE", 501},
                    MailCase{"size_negative", "FROM:<a@b> SIZE=-1", 501},
                    MailCase{"size_twice", "FROM:<a@b> SIZE=1 SIZE=1", 501},
                    MailCase{"body_8", "FROM:<a@b> body=8bitmime", 0, {}, BodyType::eight_bit_mime},
                    MailCase{"body_7", "FROM:<a@b>  BODY=7BIT", 0},
                    MailCase{"body_unknown", "FROM:<a@b> BODY=9BIT", 501},
                    MailCase{"body_binary", "FROM:<a@b> BODY=BINARYMIME", 504},
                    MailCase{"body_twice", "FROM:<a@b> BODY=7BIT BODY=7BIT", 501},
                    MailCase{"unknown", "FROM:<a@b> FOO", 555},
                    MailCase{"unknown_value", "FROM:<a@b> FOO=bar", 555},
                    MailCase{"keyword_malformed", "FROM:<a@b> -FOO", 501},
                    MailCase{"value_with_equals", "FROM:<a@b> SIZE=1=2", 501},
                    MailCase{"value_with_control", "FROM:<a@b> FOO=\x01", 501},
                    MailCase{"glued", "FROM:<a@b>SIZE=1", 501}, MailCase{"open", "FROM:<a@b", 501},
                    MailCase{"no_keyword", "<a@b>", 501}, MailCase{"empty", "", 501},
                    MailCase{"rcpt_keyword", "TO:<a@b>", 501}, MailCase{"no_path", "FROM:", 501},
                    MailCase{"eight_bit", "FROM:<\xC3\xA4@b>", 553}),
    [](const auto& row) { return row.param.name; });

TEST(RecipientArgument, IsReadOrRefused) {
  EXPECT_EQ(parse_recipient("TO:<a@b>")->recipient.to_string(), "a@b");
  EXPECT_EQ(parse_recipient("TO:<postmaster>")->recipient.local_part, "postmaster");
  EXPECT_EQ(parse_recipient("FROM:<a@b>").error().code, 501);
  EXPECT_EQ(parse_recipient("TO:<a@b> FOO=bar").error().code, 555);
  EXPECT_EQ(parse_recipient("TO:<a@b> =").error().code, 501);
}

TEST(RecipientArgument, SaysAboutWhatTheSenderWantsToHear) {
  const auto parsed = parse_recipient("TO:<a@b> NOTIFY=FAILURE,DELAY ORCPT=rfc822;c@d");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->dsn.notify, Notify::failure | Notify::delay);
  EXPECT_EQ(parsed->dsn.original_recipient, "rfc822;c@d");
  EXPECT_TRUE(parse_recipient("TO:<a@b>")->dsn.is_empty());
  for (const char* const bad :
       {"TO:<a@b> NOTIFY=SOMETIMES", "TO:<a@b> NOTIFY=NEVER NOTIFY=NEVER", "TO:<a@b> ORCPT=c@d"}) {
    EXPECT_EQ(parse_recipient(bad).error().code, 501) << bad;
  }
}

TEST(MailArgument, SaysWhatItsNotificationsHold) {
  const auto parsed = parse_mail("FROM:<a@b> RET=HDRS ENVID=a+2Bb AUTH=<> SIZE=5");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->dsn.content, ReturnContent::headers);
  EXPECT_EQ(parsed->dsn.envelope_id, "a+2Bb");
  EXPECT_TRUE(parse_mail("FROM:<a@b>")->dsn.is_empty());
  EXPECT_TRUE(parse_mail("FROM:<a@b> AUTH=e+3Dmc2@example.com").has_value());  // RFC 4954 §5
  for (const char* const bad : {"FROM:<a@b> RET=ALL", "FROM:<a@b> ENVID=", "FROM:<a@b> AUTH=a+2",
                                "FROM:<a@b> RET=FULL RET=FULL"}) {
    EXPECT_EQ(parse_mail(bad).error().code, 501) << bad;
  }
}

TEST(AuthArgument, NamesAMechanismAndMayHoldAResponse) {
  EXPECT_EQ(parse_auth("PLAIN")->mechanism, "PLAIN");
  EXPECT_EQ(parse_auth("PLAIN")->initial_response, std::nullopt);
  EXPECT_EQ(parse_auth("LOGIN =")->initial_response, "=");
  EXPECT_EQ(parse_auth("").error().code, 501);
}

TEST(RecipientArgument, IsRefusedAsTheRecipientsFault) {
  EXPECT_EQ(parse_recipient("TO:<a@@b>").error().enhanced.to_string(), "5.1.3");
  EXPECT_EQ(parse_mail("FROM:<a@@b>").error().enhanced.to_string(), "5.1.7");
}

TEST(HelloArgument, IsOneVisibleWord) {
  EXPECT_EQ(parse_hello("[192.0.2.1]").value(), "[192.0.2.1]");
  EXPECT_EQ(parse_hello("odd_name!").value(), "odd_name!");
  EXPECT_EQ(parse_hello(std::string(255, 'x'))->size(), 255);
  EXPECT_FALSE(parse_hello(std::string(256, 'x')));
  EXPECT_FALSE(parse_hello(""));
  EXPECT_FALSE(parse_hello("two words"));
  EXPECT_FALSE(parse_hello("\xC3\xA4"));
}

TEST(BdatArgument, KnowsItsSize) {
  EXPECT_EQ(parse_bdat("12")->chunk_bytes, 12);
  EXPECT_FALSE(parse_bdat("12")->is_last);
  EXPECT_TRUE(parse_bdat("0 last")->is_last);
  EXPECT_EQ(parse_bdat("18446744073709551615 LAST")->chunk_bytes, UINT64_MAX);
}

TEST(BdatArgument, KnowsItsSizeWhateverFollows) {
  EXPECT_EQ(parse_bdat("12 FIRST")->chunk_bytes, 12);
  EXPECT_TRUE(parse_bdat("12 FIRST")->has_junk);
  EXPECT_TRUE(parse_bdat("12 LAST x")->has_junk);
  EXPECT_FALSE(parse_bdat("12 LAST x")->is_last);
}

TEST(BdatArgument, IsRefusedWithoutASize) {
  for (const auto* argument : {"", "LAST", "-1", "+1", "1x", "0x10", "18446744073709551616"}) {
    EXPECT_FALSE(parse_bdat(argument)) << argument;
  }
}

}  // namespace
}  // namespace sluice::smtp
