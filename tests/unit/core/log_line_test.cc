#include "core/log_line.h"

#include <gmock/gmock.h>

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

namespace sluice {
namespace {

using testing::EndsWith;

constexpr WallTime kTime(1'767'323'045'678);

std::string text_line(std::initializer_list<LogField> fields) {
  return log_line(LogFormat::text,
                  {.time = kTime, .level = LogLevel::info, .name = "e", .fields = fields});
}

TEST(LogLine, HasTimeLevelEventAndFields) {
  EXPECT_EQ(text_line({{"site", "example.net"}, {"attempts", 3}}),
            "2026-01-02T03:04:05.678Z info    e site=example.net attempts=3");
}

TEST(LogLine, QuotesWhatWouldReadAsSomethingElse) {
  EXPECT_THAT(text_line({{"space", "a b"}, {"empty", ""}, {"quote", "say \"x\""}, {"pair", "a=b"}}),
              EndsWith(R"(e space="a b" empty="" quote="say \"x\"" pair="a=b")"));
}

TEST(LogLine, NoValueEndsItOrReachesTheTerminal) {
  EXPECT_THAT(text_line({{"v", "a\r\n2026 error forged\x1b[31m\x7f"}, {"c1", "\xC2\x9B"}}),
              EndsWith(R"(v="a\r\n2026 error forged\x1b[31m\x7f" c1="\xc2\x9b")"));
}

TEST(LogLine, KeepsUtf8AndEscapesOtherBytes) {
  EXPECT_THAT(text_line({{"good", "é€😀"}, {"bad", "\xff\xc0\x80"}}),
              EndsWith(R"(good="é€😀" bad="\xff\xc0\x80")"));
}

TEST(LogLine, CutsAValueThatIsTooLong) {
  const std::string longest(kLogValueBytesMax, 'x');
  EXPECT_THAT(text_line({{"v", longest}}), EndsWith(" v=" + longest));
  EXPECT_THAT(text_line({{"v", longest + "x"}}), EndsWith(" v=" + longest));
}

TEST(LogLine, AsJsonParses) {
  const std::initializer_list<LogField> fields = {
      {"site", "a \"b\"\n\xff"}, {"attempts", -3}, {"text", "7"}};
  const auto json = nlohmann::json::parse(
      log_line(LogFormat::json,
               {.time = kTime, .level = LogLevel::warning, .name = "peer_lost", .fields = fields}));
  EXPECT_EQ(json["time"], "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(json["level"], "warning");
  EXPECT_EQ(json["event"], "peer_lost");
  EXPECT_EQ(json["site"], "a \"b\"\n\u00ff");
  EXPECT_EQ(json["attempts"], -3);
  EXPECT_EQ(json["text"], "7");
}

}  // namespace
}  // namespace sluice
