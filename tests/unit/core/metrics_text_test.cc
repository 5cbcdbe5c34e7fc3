#include "core/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace sluice {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

std::string text_of(const MetricRegistry& registry) {
  const std::array<const MetricRegistry*, 1> registries = {&registry};
  return metrics_text(sum_metrics(registries));
}

TEST(MetricsText, TellsHelpTypeAndValue) {
  MetricRegistry registry;
  registry.counter("sluice_test_things_total", "Things that were.").add(3);
  EXPECT_EQ(text_of(registry),
            "# HELP sluice_test_things_total Things that were.\n"
            "# TYPE sluice_test_things_total counter\n"
            "sluice_test_things_total 3\n");
}

TEST(MetricsText, TellsHelpOnceForAllLabels) {
  MetricRegistry registry;
  registry.gauge("sluice_test_things", "Things that are.", "kind=\"b\"").set(-2);
  registry.gauge("sluice_test_things", "Things that are.", "kind=\"a\"").set(1);
  EXPECT_EQ(text_of(registry),
            "# HELP sluice_test_things Things that are.\n"
            "# TYPE sluice_test_things gauge\n"
            "sluice_test_things{kind=\"a\"} 1\n"
            "sluice_test_things{kind=\"b\"} -2\n");
}

TEST(MetricsText, EscapesHelp) {
  MetricRegistry registry;
  registry.counter("sluice_test_things_total", "One\\two\nthree.");
  EXPECT_THAT(text_of(registry),
              HasSubstr("# HELP sluice_test_things_total One\\\\two\\nthree.\n"));
}

TEST(MetricsText, SumsRegistries) {
  MetricRegistry first;
  MetricRegistry second;
  first.counter("sluice_test_things_total", "Things.").add(3);
  second.counter("sluice_test_things_total", "Things.").add(4);
  const std::array<const MetricRegistry*, 2> registries = {&first, &second};
  EXPECT_THAT(metrics_text(sum_metrics(registries)), EndsWith("sluice_test_things_total 7\n"));
}

TEST(MetricsText, CountsObservationsUpToEachBound) {
  MetricRegistry registry;
  Histogram& histogram = registry.histogram("sluice_test_seconds", "Times.", "way=\"in\"");
  histogram.observe(std::chrono::microseconds(1));
  histogram.observe(std::chrono::microseconds(3));
  histogram.observe(std::chrono::microseconds(3));
  const std::string text = text_of(registry);
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_test_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("sluice_test_seconds_bucket{way=\"in\",le=\"2e-06\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("sluice_test_seconds_bucket{way=\"in\",le=\"4e-06\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("sluice_test_seconds_bucket{way=\"in\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("sluice_test_seconds_sum{way=\"in\"} 7e-06\n"));
  EXPECT_THAT(text, EndsWith("sluice_test_seconds_count{way=\"in\"} 3\n"));
}

TEST(MetricsText, CountsWhatIsBeyondTheLastBoundOnlyThere) {
  MetricRegistry registry;
  registry.histogram("sluice_test_seconds", "Times.").observe(std::chrono::hours(1000));
  const std::string text = text_of(registry);
  EXPECT_THAT(text, HasSubstr("_bucket{le=\"4294.967296\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{le=\"+Inf\"} 1\n"));
}

}  // namespace
}  // namespace sluice
