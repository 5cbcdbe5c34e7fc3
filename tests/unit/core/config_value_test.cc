#include "core/config_value.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct SizeCase {
  const char* name;
  std::string_view text;
  std::optional<std::uint64_t> bytes;
};

class ParseSize : public testing::TestWithParam<SizeCase> {};

TEST_P(ParseSize, ReadsNumberAndUnit) {
  const auto size = parse_size(GetParam().text);
  ASSERT_EQ(size.has_value(), GetParam().bytes.has_value());
  if (size) EXPECT_EQ(size->value(), *GetParam().bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ParseSize,
    testing::Values(
        SizeCase{"bytes", "512B", 512}, SizeCase{"thousand", "10KB", 10'000},
        SizeCase{"million", "50MB", 50'000'000}, SizeCase{"kibi", "3KiB", 3072},
        SizeCase{"gibi", "1GiB", 1ULL << 30}, SizeCase{"tebi", "2TiB", 2ULL << 40},
        SizeCase{"zero", "0B", 0}, SizeCase{"largest", "9223372036854775807B", INT64_MAX},
        SizeCase{"past_the_largest", "9223372036854775808B", std::nullopt},
        SizeCase{"overflow", "9999999999TiB", std::nullopt},
        SizeCase{"no_unit", "10", std::nullopt}, SizeCase{"no_number", "KB", std::nullopt},
        SizeCase{"empty", "", std::nullopt}, SizeCase{"space", "10 KB", std::nullopt},
        SizeCase{"lower_case", "10kb", std::nullopt}, SizeCase{"negative", "-1KB", std::nullopt},
        SizeCase{"fraction", "1.5GiB", std::nullopt}, SizeCase{"rest", "10KBx", std::nullopt}),
    [](const auto& info) { return info.param.name; });

struct DurationCase {
  const char* name;
  std::string_view text;
  std::optional<Duration> duration;
};

class ParseDuration : public testing::TestWithParam<DurationCase> {};

TEST_P(ParseDuration, ReadsNumberAndUnit) {
  EXPECT_EQ(parse_duration(GetParam().text), GetParam().duration);
}

INSTANTIATE_TEST_SUITE_P(Cases, ParseDuration,
                         testing::Values(DurationCase{"milliseconds", "500ms", milliseconds(500)},
                                         DurationCase{"seconds", "20s", seconds(20)},
                                         DurationCase{"minutes", "15m", minutes(15)},
                                         DurationCase{"hours", "4h", hours(4)},
                                         DurationCase{"days", "5d", hours(120)},
                                         DurationCase{"largest", "106751d", hours(106'751 * 24)},
                                         DurationCase{"overflow", "106752d", std::nullopt},
                                         DurationCase{"no_unit", "20", std::nullopt},
                                         DurationCase{"two_units", "1h30m", std::nullopt},
                                         DurationCase{"space", "20 s", std::nullopt},
                                         DurationCase{"unknown", "20w", std::nullopt}),
                         [](const auto& info) { return info.param.name; });

TEST(ShowSize, TakesTheLargestUnitThatIsExact) {
  EXPECT_EQ(show_size(gibibytes(64)), "64GiB");
  EXPECT_EQ(show_size(ByteCount(50'000'000)), "50MB");
  EXPECT_EQ(show_size(ByteCount(1001)), "1001B");
  EXPECT_EQ(show_size(ByteCount(0)), "0B");
}

TEST(ShowDuration, TakesTheLargestUnitThatIsExact) {
  EXPECT_EQ(show_duration(hours(72)), "3d");
  EXPECT_EQ(show_duration(seconds(90)), "90s");
  EXPECT_EQ(show_duration(Duration::zero()), "0ms");
}

TEST(ConfigType, AWholeNumberIsRefusedOutsideItsType) {
  ConfigNode node = ConfigNode::of_text({}, {});
  node.kind = ConfigNode::Kind::integer;
  node.integer = 4'294'967'295;
  EXPECT_EQ(ConfigType<std::uint32_t>::from(node), 4'294'967'295U);
  node.integer = 4'294'967'296;
  EXPECT_FALSE(ConfigType<std::uint32_t>::from(node));
  node.integer = -1;
  EXPECT_FALSE(ConfigType<std::uint32_t>::from(node));
}

TEST(ConfigType, ANumberMayBeWhole) {
  ConfigNode node = ConfigNode::of_text({}, {});
  node.kind = ConfigNode::Kind::integer;
  node.integer = 2;
  EXPECT_EQ(ConfigType<double>::from(node), 2.0);
  EXPECT_EQ(ConfigType<double>::show(2.0), "2.0");
  EXPECT_EQ(ConfigType<double>::show(1.5), "1.5");
}

TEST(ConfigType, TextIsBoundedAndHasNoControlCharacters) {
  const auto read = [](std::string text) {
    return ConfigType<std::string>::from(ConfigNode::of_text(std::move(text), {})).has_value();
  };
  EXPECT_TRUE(read(std::string(kConfigTextBytesMax, 'x')));
  EXPECT_FALSE(read(std::string(kConfigTextBytesMax + 1, 'x')));
  EXPECT_FALSE(read("a\nb"));
  EXPECT_FALSE(read("a\x7f"));
}

TEST(ConfigType, AnEndpointNeedsItsPort) {
  const auto read = [](const char* text) {
    return ConfigType<Endpoint>::from(ConfigNode::of_text(text, {}));
  };
  ASSERT_TRUE(read("[2001:db8::1]:25"));
  EXPECT_EQ(ConfigType<Endpoint>::show(*read("[2001:db8::1]:25")), "\"[2001:db8::1]:25\"");
  EXPECT_FALSE(read("127.0.0.1"));
}

}  // namespace
}  // namespace sluice
