#include "relay/queue_name.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

struct QueueNameCase {
  std::string_view name;
  std::string_view text;
  std::string_view campaign;
  std::string_view tenant;
  std::string_view domain;
};

class QueueNames : public testing::TestWithParam<QueueNameCase> {};

TEST_P(QueueNames, AreReadIntoTheirParts) {
  const QueueName name = parse_queue_name(GetParam().text);
  EXPECT_EQ(name.campaign, GetParam().campaign);
  EXPECT_EQ(name.tenant, GetParam().tenant);
  EXPECT_EQ(name.domain, GetParam().domain);
}

TEST_P(QueueNames, AreWrittenAsTheyAreRead) {
  EXPECT_EQ(to_string(parse_queue_name(GetParam().text)), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    Table, QueueNames,
    testing::Values(
        QueueNameCase{"domain", "example.net", "", "", "example.net"},
        QueueNameCase{"tenant", "acme@example.net", "", "acme", "example.net"},
        QueueNameCase{"campaign", "spring.26:acme@example.net", "spring.26", "acme", "example.net"},
        QueueNameCase{"colon_in_campaign", "a:b:acme@example.net", "a:b", "acme", "example.net"},
        QueueNameCase{"literal", "acme@[IPv6:::1]", "", "acme", "[IPv6:::1]"},
        QueueNameCase{"empty", "", "", "", ""}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sluice::relay
