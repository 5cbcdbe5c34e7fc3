#include "relay/admin_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace sluice::relay {
namespace {

using testing::HasSubstr;

TEST(Health, IsGoodOnlyWhileNewMailIsTaken) {
  EXPECT_EQ(health(Phase::running, SpoolRoom::some).status, 200u);
  EXPECT_EQ(health(Phase::running, SpoolRoom::none).status, 503u);
  EXPECT_EQ(health(Phase::starting, SpoolRoom::some).status, 503u);
  EXPECT_EQ(health(Phase::draining, SpoolRoom::some).status, 503u);
  EXPECT_EQ(health(Phase::stopping, SpoolRoom::some).status, 503u);
}

TEST(Health, SaysWhatIsWrong) {
  EXPECT_THAT(health(Phase::running, SpoolRoom::none).body, HasSubstr("full"));
  EXPECT_THAT(health(Phase::draining, SpoolRoom::some).body, HasSubstr("draining"));
  EXPECT_THAT(health(Phase::stopping, SpoolRoom::none).body, HasSubstr("stopping"));
}

TEST(MetricsPage, SumsWhatItIsGivenAndCountsTheLog) {
  MetricRegistry first;
  MetricRegistry second;
  first.counter("sluice_test_things_total", "Things.").add(3);
  second.counter("sluice_test_things_total", "Things.").add(4);
  const std::array<const MetricRegistry*, 2> registries = {&first, &second};
  const HttpAnswer answer = metrics_page(registries);
  EXPECT_EQ(answer.status, 200u);
  EXPECT_THAT(answer.content_type, HasSubstr("version=0.0.4"));
  EXPECT_THAT(answer.body, HasSubstr("sluice_test_things_total 7\n"));
  EXPECT_THAT(answer.body, HasSubstr("\nsluice_log_lines_dropped_total "));
}

}  // namespace
}  // namespace sluice::relay
