#include "smtp/sluice_headers.h"

#include <gmock/gmock.h>

#include <string>

namespace sluice::smtp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::expected<SluiceHeaders, Reply> read(std::string name, std::string value) {
  const std::vector<HeaderField> fields = {{std::move(name), std::move(value)}};
  return read_sluice_headers(fields);
}

TEST(SluiceHeaders, AreRead) {
  const std::vector<HeaderField> fields = {{"x-sluice-campaign", "spring-26"},
                                           {"x-sluice-tags", "news, big"},
                                           {"x-sluice-metadata", R"({"order": "7"})"},
                                           {"x-sluice-class", "transactional"},
                                           {"x-sluice-pool", "main"},
                                           {"x-sluice-expiry", "4h"},
                                           {"x-sluice-engaged", "Yes"},
                                           {"x-sluice-later", "?"}};
  const auto headers = read_sluice_headers(fields);
  ASSERT_TRUE(headers.has_value());
  EXPECT_EQ(headers->campaign, "spring-26");
  EXPECT_THAT(headers->tags, ElementsAre("news", "big"));
  EXPECT_EQ(headers->metadata, R"({"order": "7"})");
  EXPECT_EQ(headers->klass, "transactional");
  EXPECT_EQ(headers->pool, "main");
  EXPECT_EQ(headers->expiry, std::chrono::hours(4));
  EXPECT_TRUE(headers->is_engaged);
}

struct BadCase {
  std::string_view name;
  std::string header;
  std::string value;
};

class BadValue : public testing::TestWithParam<BadCase> {};

TEST_P(BadValue, IsRefusedByName) {
  const auto headers = read("x-sluice-" + GetParam().header, GetParam().value);
  ASSERT_FALSE(headers.has_value());
  EXPECT_EQ(headers.error().code, 554);
  EXPECT_THAT(headers.error().text, HasSubstr("X-Sluice-"));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadValue,
    testing::Values(
        BadCase{"campaign_empty", "campaign", ""}, BadCase{"campaign_colon", "campaign", "a:b"},
        BadCase{"campaign_at", "campaign", "a@b"},
        BadCase{"campaign_long", "campaign", std::string(65, 'a')},
        BadCase{"tags_empty", "tags", ""}, BadCase{"tags_gap", "tags", "a,,b"},
        BadCase{"tags_many", "tags", "a,b,c,d,e,f,g,h,i,j,k"},
        BadCase{"metadata_long", "metadata", std::string(4097, 'a')},
        BadCase{"metadata_control", "metadata", "a\x01"}, BadCase{"expiry_word", "expiry", "soon"},
        BadCase{"expiry_nothing", "expiry", "0s"}, BadCase{"expiry_long", "expiry", "31d"},
        BadCase{"engaged_word", "engaged", "maybe"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SluiceHeaders, AreTakenUpToTheirBounds) {
  EXPECT_TRUE(read("x-sluice-campaign", std::string(64, 'a')).has_value());
  EXPECT_TRUE(read("x-sluice-metadata", std::string(4096, 'a')).has_value());
  EXPECT_TRUE(read("x-sluice-tags", "a,b,c,d,e,f,g,h,i,j").has_value());
  EXPECT_TRUE(read("x-sluice-expiry", "30d").has_value());
}

TEST(SluiceHeaders, StandOnce) {
  const std::vector<HeaderField> fields = {{"x-sluice-pool", "a"}, {"x-sluice-pool", "b"}};
  EXPECT_FALSE(read_sluice_headers(fields).has_value());
}

}  // namespace
}  // namespace sluice::smtp
