#include "core/config_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/config_file.h"
#include "core/config_reference.h"
#include "core/config_writer.h"

namespace sluice {

enum class Colour : std::uint8_t { red, green };

template <>
struct ConfigNames<Colour> {
  static constexpr std::array<std::string_view, 2> kNames = {"red", "green"};
};

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Inner {
  Duration wait = std::chrono::seconds(5);
};

struct Row {
  std::vector<std::string> names;
  std::optional<std::uint32_t> weight;
};

struct Settings {
  bool is_on = false;
  std::uint32_t count = 3;
  double factor = 1.5;
  Colour colour = Colour::red;
  ByteCount size = kibibytes(4);
  std::vector<std::uint16_t> ports = {1};
  std::optional<std::vector<IpNetwork>> networks;
  Inner inner;
  std::vector<Row> rows;
};

constexpr auto kInnerKeys = std::tuple{
    key("wait", &Inner::wait, range(std::chrono::seconds(1), std::chrono::hours(1)), "A wait."),
};
constexpr auto kRowKeys = std::tuple{
    key("names", &Row::names, "Names."),
    key("weight", &Row::weight, range(1, 9), "A weight.").unset("none"),
    only("tls", "none", "Encryption."),
    not_available("tenant"),
};
constexpr auto kKeys = std::tuple{
    key("is_on", &Settings::is_on, "On or off."),
    key("count", &Settings::count, range(1, 1000), "A count.").at_restart(),
    key("factor", &Settings::factor, range(1.0, 10.0), "A factor."),
    key("colour", &Settings::colour, "A colour."),
    key("size", &Settings::size, range(kibibytes(1), mebibytes(1)), "A size."),
    key("ports", &Settings::ports, range(1, 100), "Ports."),
    key("networks", &Settings::networks, "Networks."),
    table("inner", &Settings::inner, kInnerKeys, "A table."),
    tables("row", &Settings::rows, kRowKeys, "Rows."),
    not_available("later"),
};

struct Read {
  Settings settings;
  std::vector<std::string> problems;
};

Read read(std::string_view text) {
  ConfigProblems problems;
  const ConfigNode document = parse_config_text(text, "f", problems);
  Read result;
  read_config_table(document, {}, kKeys, result.settings, problems);
  for (const auto& problem : problems.sorted()) result.problems.push_back(problem.to_string());
  return result;
}

TEST(ConfigReader, FillsEveryKindOfMember) {
  const auto [settings, problems] = read(R"(
    is_on = true
    count = 7
    factor = 2
    colour = "green"
    size = "8KiB"
    ports = [25, 26]
    networks = ["192.0.2.0/24"]
    inner.wait = "20s"
    [[row]]
    names = ["a", "b"]
    weight = 4
    tls = "none"
    [[row]]
  )");
  EXPECT_THAT(problems, ElementsAre());
  EXPECT_TRUE(settings.is_on);
  EXPECT_EQ(settings.count, 7U);
  EXPECT_EQ(settings.factor, 2.0);
  EXPECT_EQ(settings.colour, Colour::green);
  EXPECT_EQ(settings.size, kibibytes(8));
  EXPECT_THAT(settings.ports, ElementsAre(25, 26));
  ASSERT_TRUE(settings.networks);
  EXPECT_EQ(settings.networks->size(), 1U);
  EXPECT_EQ(settings.inner.wait, std::chrono::seconds(20));
  ASSERT_EQ(settings.rows.size(), 2U);
  EXPECT_THAT(settings.rows[0].names, ElementsAre("a", "b"));
  EXPECT_EQ(settings.rows[0].weight, 4U);
  EXPECT_FALSE(settings.rows[1].weight);
}

TEST(ConfigReader, ReportsEveryProblemWithItsPlaceInTheOrderOfTheFile) {
  const auto [settings, problems] = read(
      "inner = { wait = \"20\" }\n"
      "count = 0\n"
      "colour = \"blue\"\n"
      "ports = [5, 500]\n"
      "[[row]]\n"
      "weight = 10\n"
      "wieght = 1\n");
  EXPECT_THAT(
      problems,
      ElementsAre(
          R"(f:1:18: inner.wait: found "20", expected a duration from "1s" to "1h", such as "5m")",
          "f:2:9: count: found 0, expected a whole number from 1 to 1000",
          R"(f:3:10: colour: found "blue", expected "red" or "green")",
          "f:4:13: ports[1]: found 500, expected a whole number from 1 to 100",
          "f:6:10: row[0].weight: found 10, expected a whole number from 1 to 9",
          R"(f:7:1: row[0].wieght: unknown key, expected perhaps "weight")"));
  EXPECT_EQ(settings.count, 3U) << "a wrong value keeps the default";
}

TEST(ConfigReader, TakesBoundsThemselvesAndNothingPastThem) {
  EXPECT_TRUE(read("count = 1\n").problems.empty());
  EXPECT_TRUE(read("count = 1000\n").problems.empty());
  EXPECT_FALSE(read("count = 1001\n").problems.empty());
  EXPECT_TRUE(read("factor = 10.0\n").problems.empty());
  EXPECT_FALSE(read("factor = 10.1\n").problems.empty());
  EXPECT_TRUE(read("size = \"1MiB\"\n").problems.empty());
  EXPECT_FALSE(read("size = \"1048577B\"\n").problems.empty());
}

TEST(ConfigReader, ASingleValueIsAListOfOne) {
  const auto [settings, problems] = read("ports = 25\n");
  EXPECT_TRUE(problems.empty());
  EXPECT_THAT(settings.ports, ElementsAre(25));
}

TEST(ConfigReader, ASetListReplacesTheDefaultEvenWhenItIsEmpty) {
  const auto [settings, problems] = read("ports = []\nnetworks = []\n");
  EXPECT_TRUE(settings.ports.empty());
  ASSERT_TRUE(settings.networks);
  EXPECT_TRUE(settings.networks->empty());
}

TEST(ConfigReader, RefusesByNameWhatThisVersionLacks) {
  EXPECT_THAT(read("later = 1\n[[row]]\ntenant = \"a\"\ntls = \"required\"\n").problems,
              ElementsAre("f:1:1: later: not available in this version",
                          "f:3:1: row[0].tenant: not available in this version",
                          "f:4:7: row[0].tls: found \"required\", not available in this version, "
                          "expected \"none\""));
}

struct KindCase {
  const char* name;
  const char* text;
  const char* problem;
};

class WrongKind : public testing::TestWithParam<KindCase> {};

TEST_P(WrongKind, IsNamedAsItWasFound) {
  EXPECT_THAT(read(GetParam().text).problems, ElementsAre(HasSubstr(GetParam().problem)));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, WrongKind,
    testing::Values(
        KindCase{"text_for_number", "count = \"7\"", "found \"7\", expected a whole number"},
        KindCase{"fraction_for_whole", "count = 7.5", "found 7.5, expected a whole number"},
        KindCase{"number_for_size", "size = 4096", "found 4096, expected a size"},
        KindCase{"date", "colour = 2026-01-02", "found the date or time 2026-01-02"},
        KindCase{"table_for_value", "count = { a = 1 }", "found a table, expected"},
        KindCase{"list_for_value", "count = [1]", "found a list, expected"},
        KindCase{"value_for_table", "inner = 1", "found 1, expected a table, [inner]"},
        KindCase{"table_for_tables", "[row]", "found a table, expected tables, each under [[row]]"},
        KindCase{"not_finite", "factor = inf", "found inf, expected a number"},
        KindCase{"secret", "colour = { env = \"X\" }", "found a table, expected \"red\""},
        KindCase{"nested_list", "ports = [[1]]", "ports[0]: found a list, expected"}),
    [](const auto& info) { return info.param.name; });

TEST(ConfigReader, BoundsTheItemsOfAList) {
  const auto list_of = [](std::size_t count) {
    std::string text = "ports = [";
    for (std::size_t i = 0; i < count; ++i) text += "1,\n";
    return text + "]\n";
  };
  EXPECT_TRUE(read(list_of(kConfigListItemsMax)).problems.empty());
  EXPECT_THAT(read(list_of(kConfigListItemsMax + 1)).problems,
              ElementsAre(HasSubstr("found 10001 items, expected at most 10000")));
}

TEST(ConfigReader, CountsTheProblemsPastTheLast) {
  std::string text;
  for (std::size_t i = 0; i <= ConfigProblems::kProblemsMax; ++i)
    text += fmt::format("x{} = 1\n", i);
  const auto problems = read(text).problems;
  ASSERT_EQ(problems.size(), ConfigProblems::kProblemsMax + 1);
  EXPECT_EQ(problems.back(), "and 1 more problems");
}

TEST(ConfigWriter, WritesWhatReadsBackToTheSame) {
  const auto [settings, problems] = read(
      "is_on = true\nsize = \"1MB\"\nnetworks = [\"::1\"]\n"
      "[inner]\nwait = \"90s\"\n[[row]]\nnames = [\"a\\\"b\"]\nweight = 2\n[[row]]\n");
  const std::string text = show_config(settings, kKeys);
  const auto [again, problems_again] = read(text);
  EXPECT_THAT(problems_again, ElementsAre());
  EXPECT_EQ(show_config(again, kKeys), text);
  EXPECT_THAT(text, HasSubstr("[[row]]\nnames = [\"a\\\"b\"]\nweight = 2\ntls = \"none\"\n"));
}

TEST(ConfigReference, HasEveryKeyWithTypeDefaultBoundsAndEffect) {
  const auto text = render_config_text(describe_config<Settings>(kKeys));
  EXPECT_THAT(text, HasSubstr("  count = 3\n      whole number from 1 to 1000; restart\n"));
  EXPECT_THAT(text, HasSubstr("  colour = \"red\"\n      \"red\" or \"green\"; reload\n"));
  EXPECT_THAT(text, HasSubstr("  size = \"4KiB\"\n      size from \"1KiB\" to \"1MiB\"; reload\n"));
  EXPECT_THAT(text, HasSubstr("[inner]  # A table.\n"));
  EXPECT_THAT(text, HasSubstr("[[row]]  # Rows.\n"));
  EXPECT_THAT(text, HasSubstr("  weight = none\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("later")));
}

TEST(ConfigReference, RendersATableOfMarkdown) {
  const auto text = render_config_markdown(describe_config<Settings>(kKeys));
  EXPECT_THAT(text, HasSubstr("## `[[row]]`\n"));
  EXPECT_THAT(text,
              HasSubstr("| `count` | whole number from 1 to 1000 | 3 | restart | A count. |\n"));
}

}  // namespace
}  // namespace sluice
