#include "core/config_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/config_line.h"
#include "core/config_override.h"
#include "tests/unit/core/temporary_directory.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> texts(const ConfigProblems& problems) {
  std::vector<std::string> lines;
  for (const auto& problem : problems.sorted()) lines.push_back(problem.to_string());
  return lines;
}

TEST(ParseConfigText, KeepsThePlacesOfNamesAndValues) {
  ConfigProblems problems;
  const ConfigNode root = parse_config_text("a = 1\n[b]\n  c = \"x\"\n", "f", problems);
  ASSERT_TRUE(problems.empty());
  EXPECT_EQ(place_of(root, "a").to_string(), "f:1:5");
  EXPECT_EQ(place_of(root, "b.c").to_string(), "f:3:7");
  EXPECT_EQ(root.find("b")->entries[0].place.to_string(), "f:3:3");
}

TEST(ParseConfigText, SaysWhereTheSyntaxBreaks) {
  ConfigProblems problems;
  parse_config_text("a = 1\nb = \n", "f", problems);
  EXPECT_THAT(texts(problems), ElementsAre(testing::StartsWith("f:2:")));
  EXPECT_TRUE(problems.leave_gaps());
}

TEST(ParseConfigText, FindsTheLineOfABraceInAList) {
  ConfigProblems problems;
  parse_config_text("a = 1\nb = [\n1,\n}]\nc = 1\n", "f", problems);
  EXPECT_THAT(texts(problems), ElementsAre("f:4:1: found a list with a '}' for a value"));
}

TEST(ParseConfigText, TakesTextOfAnyLanguageWhereTomlDoes) {
  const auto problems_with = [](std::string_view line) {
    ConfigProblems problems;
    parse_config_text(line, "f", problems);
    return texts(problems);
  };
  EXPECT_THAT(problems_with("a = \"\xC3\xA9\" # \xC3\xA9"), IsEmpty());
  EXPECT_THAT(problems_with("a = '\xEF\xB9\xA6\xEF\xBB\xBE'"), IsEmpty());
  EXPECT_THAT(problems_with("a = \"\"\"\\\n\xC3\xA9\"\"\""), IsEmpty());
  EXPECT_THAT(problems_with("a = \"\xFF\""), ElementsAre("f:1:6: found bytes that are no UTF-8"));
  EXPECT_THAT(problems_with("a\xC3\xA9 = 1"), ElementsAre(HasSubstr("f:1:2: ")));
  EXPECT_THAT(problems_with("a = \"\" \xC3\xA9"), ElementsAre(HasSubstr("f:1:8: ")));
}

// toml++ 3.3 takes these for unreachable where it looks for a blank.
TEST(ParseConfigText, RefusesALetterWhereABlankMayStand) {
  const auto problems_with = [](std::string_view line) {
    ConfigProblems problems;
    parse_config_text(line, "f", problems);
    return texts(problems);
  };
  EXPECT_THAT(problems_with("a = 40ess=\"\xCA\xA3"), ElementsAre(HasSubstr("f:1:8: ")));
  EXPECT_THAT(problems_with("a=7e120.\"..\xCA\xA3\\00"), ElementsAre(HasSubstr("f:1:8: ")));
  EXPECT_THAT(problems_with("a = \"\\\xC3\xA9\""), ElementsAre(HasSubstr("f:1:")));
  EXPECT_THAT(problems_with("a = \xEF\xB9\xA6"), ElementsAre(HasSubstr("f:1:5: ")));
}

TEST(ParseConfigText, TakesStringsOfSeveralLines) {
  ConfigProblems problems;
  const auto root = parse_config_text("a = \"\"\"\none\ntwo\"\"\"\nb = '''x.y'''\n", "f", problems);
  ASSERT_TRUE(problems.empty());
  EXPECT_EQ(root.find("a")->text, "one\ntwo");
  EXPECT_EQ(root.find("b")->text, "x.y");
}

TEST(ParseConfigText, RefusesControlCharacters) {
  const auto problems_with = [](std::string_view line) {
    ConfigProblems problems;
    parse_config_text(line, "f", problems);
    return texts(problems);
  };
  using namespace std::string_view_literals;
  EXPECT_THAT(problems_with("a = 1\x1D"sv), ElementsAre(HasSubstr("f:1:6: found a control")));
  EXPECT_THAT(problems_with("a = \"\0\""sv), ElementsAre(HasSubstr("f:1:6: found a control")));
  EXPECT_THAT(problems_with("a = 1 # \x7F"sv), ElementsAre(HasSubstr("f:1:9: found a control")));
  EXPECT_THAT(problems_with("a = 1\r2"sv), ElementsAre(HasSubstr("f:1:6: found a control")));
  EXPECT_THAT(problems_with("a\t=\t'\t'\r\n# \t\r\n"sv), IsEmpty());
}

TEST(ParseConfigText, BoundsTheLengthOfALine) {
  ConfigProblems problems;
  const std::string at_the_limit = "a = 1 #" + std::string(kConfigLineBytesMax - 7, 'x');
  parse_config_text(at_the_limit, "f", problems);
  EXPECT_TRUE(problems.empty());
  parse_config_text("\n" + at_the_limit + "x", "f", problems);
  EXPECT_THAT(texts(problems), ElementsAre(HasSubstr("f:2:1: found a longer line")));
}

TEST(ParseConfigText, BoundsTheDepthOfKeys) {
  ConfigProblems problems;
  std::string dotted = "a";
  for (std::size_t i = 0; i < kConfigLineDotsMax; ++i) dotted += ".a";
  const ConfigNode root = parse_config_text(dotted + " = 1\n", "f", problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_NE(root.find("a"), nullptr);
  parse_config_text(dotted + ".a = 1\n", "f", problems);
  EXPECT_THAT(texts(problems), ElementsAre(HasSubstr("f:1:130: found too many dots")));
}

TEST(ParseConfigText, SurvivesTheDeepestNesting) {
  ConfigProblems problems;
  parse_config_text("a = " + std::string(5000, '['), "f", problems);
  EXPECT_FALSE(problems.empty());
}

class ConfigFileTest : public testing::Test {
 protected:
  ConfigFileTest() { std::filesystem::create_directory(directory_.file("conf.d")); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(directory_.file(name)) << text;
    return directory_.file(name);
  }

  TemporaryDirectory directory_;
  ConfigProblems problems_;
};

TEST_F(ConfigFileTest, SaysThatAFileIsMissing) {
  read_config_file(directory_.file("none.toml"), problems_);
  EXPECT_THAT(texts(problems_),
              ElementsAre(HasSubstr("none.toml: cannot be read: No such file or directory")));
}

TEST_F(ConfigFileTest, BoundsTheSizeOfAFile) {
  std::string text;
  while (text.size() + 64 <= kConfigFileBytesMax) text += "#" + std::string(62, 'x') + "\n";
  ASSERT_EQ(text.size(), kConfigFileBytesMax);
  read_config_file(write("a.toml", text), problems_);
  EXPECT_TRUE(problems_.empty());
  read_config_file(write("a.toml", text + "#"), problems_);
  EXPECT_THAT(texts(problems_), ElementsAre(HasSubstr("found more than 1MiB")));
}

TEST_F(ConfigFileTest, IncludesInTheOrderOfNamesAndMergesTables) {
  write("conf.d/20.toml", "[[route]]\nname = \"c\"\n[log]\nformat = \"json\"\n");
  write("conf.d/10.toml", "[[route]]\nname = \"b\"\n");
  const auto root = read_config_file(
      write("main.toml",
            "include = [\"conf.d/*.toml\"]\n[log]\nlevel = \"info\"\n[[route]]\nname = \"a\"\n"),
      problems_);
  EXPECT_THAT(texts(problems_), ElementsAre());
  const ConfigNode* const routes = root.find("route");
  ASSERT_EQ(routes->items.size(), 3U);
  EXPECT_EQ(routes->items[1].find("name")->text, "b");
  EXPECT_EQ(routes->items[2].find("name")->text, "c");
  EXPECT_EQ(root.find("log")->entries.size(), 2U);
}

TEST_F(ConfigFileTest, NamesBothPlacesOfAKeySetTwice) {
  const auto part = write("conf.d/a.toml", "\n[log]\nlevel = \"debug\"\n");
  const auto main = write("main.toml", "include = [\"conf.d/*.toml\"]\n[log]\nlevel = \"info\"\n");
  read_config_file(main, problems_);
  EXPECT_THAT(texts(problems_), ElementsAre(fmt::format(
                                    "{}:3:1: log.level: set twice, first at {}:3:1", part, main)));
}

TEST_F(ConfigFileTest, AnIncludeWithoutAPatternMustExist) {
  const auto main = write("main.toml", "include = [\"absent.toml\", \"absent/*.toml\"]\n");
  read_config_file(main, problems_);
  EXPECT_THAT(texts(problems_), ElementsAre(main + ":1:12: include: found \"absent.toml\", "
                                                   "expected a file that exists or a pattern"));
}

TEST_F(ConfigFileTest, APatternThatMatchesTheFileItselfDoesNotRepeatIt) {
  const auto root = read_config_file(
      write("main.toml", "include = [\"*.toml\"]\n[[route]]\nname = \"a\"\n"), problems_);
  EXPECT_TRUE(problems_.empty());
  EXPECT_EQ(root.find("route")->items.size(), 1U);
}

TEST_F(ConfigFileTest, OnlyTheMainFileIncludes) {
  write("conf.d/a.toml", "include = [\"b.toml\"]\n");
  read_config_file(write("main.toml", "include = \"conf.d/*.toml\"\n"), problems_);
  EXPECT_THAT(texts(problems_), ElementsAre(HasSubstr("include: expected only in the main file")));
}

class ConfigOverride : public testing::Test {
 protected:
  ConfigNode root_ = parse_config_text(
      "count = 1\n[limits]\nmemory = \"1GiB\"\n[[route]]\nname = \"a\"\n", "f", parsing_);
  ConfigProblems parsing_;
  ConfigProblems problems_;
};

TEST_F(ConfigOverride, ReplacesAValueInsideATable) {
  set_config_value(root_, "limits.memory=2GiB", problems_);
  EXPECT_TRUE(problems_.empty());
  EXPECT_EQ(root_.find("limits")->find("memory")->text, "2GiB");
  EXPECT_EQ(place_of(root_, "limits.memory").to_string(), "--set limits.memory");
}

TEST_F(ConfigOverride, TakesTomlWhenItIsToml) {
  set_config_value(root_, "count=7", problems_);
  set_config_value(root_, "names=[\"a\", \"b\"]", problems_);
  set_config_value(root_, "is_on=true", problems_);
  EXPECT_EQ(root_.find("count")->integer, 7);
  EXPECT_EQ(root_.find("names")->items.size(), 2U);
  EXPECT_TRUE(root_.find("is_on")->boolean);
}

TEST_F(ConfigOverride, TakesTextWhenItIsNot) {
  set_config_value(root_, "hostname=relay.example.com", problems_);
  set_config_value(root_, "address=127.0.0.1:2525", problems_);
  set_config_value(root_, "injected=1\nother = 2", problems_);
  set_config_value(root_, "empty=", problems_);
  EXPECT_EQ(root_.find("hostname")->text, "relay.example.com");
  EXPECT_EQ(root_.find("address")->text, "127.0.0.1:2525");
  EXPECT_EQ(root_.find("injected")->text, "1\nother = 2");
  EXPECT_EQ(root_.find("other"), nullptr);
  EXPECT_EQ(root_.find("empty")->text, "");
}

TEST_F(ConfigOverride, MakesTheTablesOnTheWay) {
  set_config_value(root_, "delivery.timeouts.connect=5s", problems_);
  set_config_value(root_, "listener[0].connections=4", problems_);
  EXPECT_TRUE(problems_.empty());
  EXPECT_EQ(root_.find("delivery")->find("timeouts")->find("connect")->text, "5s");
  EXPECT_EQ(root_.find("listener")->items.at(0).find("connections")->integer, 4);
}

TEST_F(ConfigOverride, AnIndexOnePastTheLastAddsATable) {
  set_config_value(root_, "route[1].name=b", problems_);
  EXPECT_TRUE(problems_.empty());
  EXPECT_EQ(root_.find("route")->items.at(1).find("name")->text, "b");
  set_config_value(root_, "route[3].name=c", problems_);
  EXPECT_THAT(texts(problems_),
              ElementsAre("--set route[3].name: found route[3], expected at most route[2]"));
}

TEST_F(ConfigOverride, RefusesWhatIsNoAssignmentOrLeadsNowhere) {
  for (const char* text : {"limits.memory", "=1", "a..b=1", "a[x]=1", "a[0=1", "a b=1", ""}) {
    ConfigProblems problems;
    set_config_value(root_, text, problems);
    EXPECT_THAT(texts(problems), ElementsAre(HasSubstr("expected KEY=VALUE"))) << text;
  }
  set_config_value(root_, "count.x=1", problems_);
  EXPECT_THAT(texts(problems_), ElementsAre("--set count.x: \"x\" is no key of 1"));
}

TEST(ConfigProblems, AnOptionThatNamesItsKeyIsNotRepeated) {
  ConfigProblems problems;
  problems.add({"--set limits.memory"}, "limits.memory", "found 1");
  problems.add({"--set limits"}, "limits.memory", "found 2");
  problems.add({"--listen"}, "listener[0].address", "found 3");
  EXPECT_THAT(texts(problems),
              ElementsAre("--set limits.memory: found 1", "--set limits: limits.memory: found 2",
                          "--listen: found 3"));
}

TEST(ConfigProblems, ConcernAKeyThatIsInsideOrAround) {
  ConfigProblems problems;
  problems.add({"f"}, "route[0].domains[1]", "wrong");
  EXPECT_TRUE(problems.concern("route[0].domains"));
  EXPECT_TRUE(problems.concern("route"));
  EXPECT_TRUE(problems.concern("route[0].domains[1]"));
  EXPECT_FALSE(problems.concern("route[0].domains[10]"));
  EXPECT_FALSE(problems.concern("route[0].dom"));
  EXPECT_FALSE(problems.concern("route[1]"));
}

}  // namespace
}  // namespace sluice
