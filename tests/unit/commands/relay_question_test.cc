#include "commands/relay_question.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sluice::commands {
namespace {

TEST(ParseAnswer, GivesWhatTheRelaySays) {
  const auto answer = parse_answer(R"({"ok":true,"queues":[]})");
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->at("queues").empty());
}

struct RefusedCase {
  const char* name;
  const char* line;
  const char* sentence;
};
class ParseAnswerRefuses : public testing::TestWithParam<RefusedCase> {};

TEST_P(ParseAnswerRefuses, WithASentenceForPeople) {
  const auto answer = parse_answer(GetParam().line);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().sentence(), GetParam().sentence);
}

INSTANTIATE_TEST_SUITE_P(
    Lines, ParseAnswerRefuses,
    testing::Values(RefusedCase{"Told", R"({"ok":false,"error":"unknown command"})",
                                "unknown command"},
                    RefusedCase{"Untold", R"({"ok":false})", "the relay refused"},
                    RefusedCase{"OfAnotherKind", R"({"ok":"yes","error":7})", "the relay refused"},
                    RefusedCase{"Empty", "", "the relay's answer is no JSON object"},
                    RefusedCase{"List", "[true]", "the relay's answer is no JSON object"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sluice::commands
