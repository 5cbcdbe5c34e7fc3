#include <gtest/gtest.h>

#include "smtp/reply_reader.h"

namespace sluice::smtp {
namespace {

// The reply that these lines make; code 0 when they are refused or make none.
Reply assemble(const std::vector<std::string>& lines, std::size_t text_max = kReplyTextBytesMax) {
  ReplyAssembler assembler;
  assembler.limit_text(text_max);
  for (const auto& line : lines) {
    auto taken = assembler.take(line);
    if (!taken) return Reply();
    if (*taken) return **taken;
  }
  return Reply();
}

TEST(ReplyAssembler, JoinsTheLinesOfAReply) {
  const Reply reply = assemble({"250-mx.example.com", "250-PIPELINING", "250 SIZE 10"});
  EXPECT_EQ(reply.code, 250);
  EXPECT_EQ(reply.text, "mx.example.com\nPIPELINING\nSIZE 10");
}

TEST(ReplyAssembler, TakesTheEnhancedCodeOffEachLine) {
  const Reply reply = assemble({"550-5.1.1 No such user", "550 5.1.1 here"});
  EXPECT_EQ(reply.enhanced, (EnhancedStatus{5, 1, 1}));
  EXPECT_EQ(reply.text, "No such user\nhere");
}

TEST(ReplyAssembler, LeavesAnEnhancedCodeOfAnotherClassInTheText) {
  const Reply reply = assemble({"450 5.1.1 odd"});
  EXPECT_FALSE(reply.enhanced.is_present());
  EXPECT_EQ(reply.text, "5.1.1 odd");
}

TEST(ReplyAssembler, StartsAnewBehindAReply) {
  ReplyAssembler assembler;
  ASSERT_TRUE(assembler.take("250 2.0.0 one"));
  const auto second = assembler.take("451 two");
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->to_string(), "451 two");
}

TEST(ReplyAssembler, RefusesLinesThatDisagree) {
  EXPECT_EQ(assemble({"250-one", "550 two"}).code, 0);
}

TEST(ReplyAssembler, MakesTheTextPrintable) {
  EXPECT_EQ(assemble({"250 a\x01\xff\x1b[2J\tz"}).text, "a??\?[2J\tz");
}

TEST(ReplyAssembler, TakesAsManyLinesAsTheLimitAndNoMore) {
  std::vector<std::string> lines(kReplyLinesMax - 1, "250-x");
  lines.emplace_back("250 x");
  EXPECT_EQ(assemble(lines).code, 250);
  lines.insert(lines.begin(), "250-x");
  EXPECT_EQ(assemble(lines).code, 0);
}

TEST(ReplyAssembler, DropsTextBeyondItsLimit) {
  const std::string line(100, 'x');
  const Reply reply = assemble({"250-" + line, "250 " + line}, 150);
  EXPECT_EQ(reply.text.size(), 150U);
}

}  // namespace
}  // namespace sluice::smtp
