#include "smtp/reply.h"

#include <gtest/gtest.h>

#include <ostream>

namespace sluice::smtp {
namespace {

struct ReplyLineCase {
  std::string name;
  std::string line;
  int code;  // 0: must be refused
  bool is_last;
  std::string text;
};
void PrintTo(const ReplyLineCase& row, std::ostream* out) { *out << row.name; }

class ReplyLines : public testing::TestWithParam<ReplyLineCase> {};

TEST_P(ReplyLines, AreReadOrRefused) {
  const auto parsed = parse_reply_line(GetParam().line);
  ASSERT_EQ(parsed.has_value(), GetParam().code != 0);
  if (!parsed) return;
  EXPECT_EQ(parsed->code, GetParam().code);
  EXPECT_EQ(parsed->is_last, GetParam().is_last);
  EXPECT_EQ(parsed->text, GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    All, ReplyLines,
    testing::Values(ReplyLineCase{"last", "250 ok", 250, true, "ok"},
                    ReplyLineCase{"more", "250-ok", 250, false, "ok"},
                    ReplyLineCase{"code_only", "354", 354, true, ""},
                    ReplyLineCase{"code_and_blank", "250 ", 250, true, ""},
                    ReplyLineCase{"empty", "", 0, false, ""},
                    ReplyLineCase{"short", "25", 0, false, ""},
                    ReplyLineCase{"first_digit_below", "150 x", 0, false, ""},
                    ReplyLineCase{"first_digit_above", "650 x", 0, false, ""},
                    ReplyLineCase{"second_digit", "260 x", 0, false, ""},
                    ReplyLineCase{"third_digit", "25x x", 0, false, ""},
                    ReplyLineCase{"separator", "250+x", 0, false, ""},
                    ReplyLineCase{"at_limit", "250 " + std::string(kReplyLineBytesMax - 4, 'x'),
                                  250, true, std::string(kReplyLineBytesMax - 4, 'x')},
                    ReplyLineCase{"past_limit", "250 " + std::string(kReplyLineBytesMax - 3, 'x'),
                                  0, false, ""}),
    [](const auto& row) { return row.param.name; });

std::string wire(const Reply& reply) {
  std::string out;
  append_wire(reply, out);
  return out;
}

TEST(Reply, GoesOnTheWireWithItsEnhancedCode) {
  EXPECT_EQ(wire(reply(550, {5, 7, 1}, "No")), "550 5.7.1 No\r\n");
}

TEST(Reply, RepeatsItsCodesOnEveryLine) {
  EXPECT_EQ(wire(reply(250, {2, 0, 0}, "a\nb")), "250-2.0.0 a\r\n250 2.0.0 b\r\n");
}

TEST(Reply, NeedsNoEnhancedCodeAndNoText) { EXPECT_EQ(wire(reply(354, {}, "")), "354 \r\n"); }

TEST(Reply, NeverCarriesWhatWouldBreakItsLine) {
  EXPECT_EQ(wire(reply(500, {}, "a\rb\x01\xff\x7f")), "500 a?b???\r\n");
}

TEST(Reply, KeepsItsLinesWithin512Bytes) {
  EXPECT_EQ(wire(reply(500, {}, std::string(506, 'x'))).size(), 512);
  EXPECT_EQ(wire(reply(500, {}, std::string(507, 'x'))).size(), 512);
}

TEST(Reply, ReadsAsOneLineInTheLog) {
  EXPECT_EQ(reply(550, {5, 7, 1}, "a\nb").to_string(), "550 5.7.1 a b");
  EXPECT_EQ(reply(250, {}, "").to_string(), "250");
}

TEST(Reply, KnowsItsKind) {
  EXPECT_TRUE(reply(354, {}, "").is_positive());
  EXPECT_TRUE(reply(451, {}, "").is_transient());
  EXPECT_TRUE(reply(550, {}, "").is_permanent());
}

}  // namespace
}  // namespace sluice::smtp
