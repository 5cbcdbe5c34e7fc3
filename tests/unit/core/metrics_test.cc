#include "core/metrics.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

std::size_t bucket_holding(Duration value) {
  Histogram histogram;
  histogram.observe(value);
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    if (histogram.bucket(i) == 1) return i;
  }
  return Histogram::kBuckets;
}

TEST(Histogram, PutsAnObservationBelowTheUpperBoundOfItsBucket) {
  for (Duration value = microseconds(1); value < hours(2); value += value / 7 + nanoseconds(1)) {
    const std::size_t index = bucket_holding(value);
    ASSERT_LT(index, Histogram::kBuckets);
    EXPECT_LT(value, Histogram::upper_bound(index));
    if (index > 0) EXPECT_GE(value, Histogram::upper_bound(index - 1));
  }
}

TEST(Histogram, HasFourBucketsPerPowerOfTwo) {
  EXPECT_EQ(Histogram::upper_bound(0), nanoseconds(1250));
  EXPECT_EQ(Histogram::upper_bound(3), microseconds(2));
  EXPECT_EQ(Histogram::upper_bound(7), microseconds(4));
}

TEST(Histogram, TakesWhatIsBelowAndAboveItsBounds) {
  EXPECT_EQ(bucket_holding(Duration::zero()), 0U);
  EXPECT_EQ(bucket_holding(nanoseconds(-5)), 0U);
  EXPECT_EQ(bucket_holding(hours(1000)), Histogram::kBuckets - 1);
}

TEST(Histogram, CountsAndSumsItsObservations) {
  Histogram histogram;
  histogram.observe(milliseconds(2));
  histogram.observe(milliseconds(5));
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.sum(), milliseconds(7));
}

TEST(Percentile, OfNothingIsZero) {
  const std::array<std::uint64_t, 4> buckets{};
  EXPECT_EQ(percentile(buckets, 0.5), Duration::zero());
}

TEST(Percentile, LiesWithinTheErrorOfABucket) {
  MetricRegistry registry;
  Histogram& histogram = registry.histogram("sluice_test_wait_seconds", "Waits.");
  for (int i = 1; i <= 1000; ++i) histogram.observe(microseconds(100 * i));

  const std::array<const MetricRegistry*, 1> registries = {&registry};
  const auto values = sum_metrics(registries);
  ASSERT_EQ(values.size(), 1U);
  const auto median = percentile(values[0].buckets, 0.5);
  const auto p99 = percentile(values[0].buckets, 0.99);
  EXPECT_NEAR(static_cast<double>(median.count()), 50e6, 50e6 * 0.13);
  EXPECT_NEAR(static_cast<double>(p99.count()), 99e6, 99e6 * 0.13);
}

TEST(MetricRegistry, GivesTheSameMetricForTheSameNameAndLabel) {
  MetricRegistry registry;
  Counter& first = registry.counter("sluice_test_lines_total", "Lines.", R"(reason="syntax")");
  Counter& second = registry.counter("sluice_test_lines_total", "Lines.", R"(reason="syntax")");
  Counter& other = registry.counter("sluice_test_lines_total", "Lines.", R"(reason="size")");
  EXPECT_EQ(&first, &second);
  EXPECT_NE(&first, &other);
}

TEST(SumMetrics, AddsTheShardsByNameAndLabel) {
  MetricRegistry a;
  MetricRegistry b;
  a.counter("sluice_test_lines_total", "Lines.").add(2);
  b.counter("sluice_test_lines_total", "Lines.").add(3);
  b.gauge("sluice_test_open", "Open.").set(-4);
  a.histogram("sluice_test_wait_seconds", "Waits.").observe(milliseconds(1));
  b.histogram("sluice_test_wait_seconds", "Waits.").observe(milliseconds(3));

  const std::array<const MetricRegistry*, 2> registries = {&a, &b};
  const auto values = sum_metrics(registries);
  ASSERT_EQ(values.size(), 3U);
  EXPECT_EQ(values[0].name, "sluice_test_lines_total");
  EXPECT_EQ(values[0].value, 5);
  EXPECT_EQ(values[0].help, "Lines.");
  EXPECT_EQ(values[1].kind, MetricValue::Kind::gauge);
  EXPECT_EQ(values[1].value, -4);
  EXPECT_EQ(values[2].count, 2U);
  EXPECT_EQ(values[2].sum, milliseconds(4));
}

TEST(MetricRegistryDeathTest, RefusesOneNameForTwoKinds) {
  MetricRegistry registry;
  registry.counter("sluice_test_lines_total", "Lines.");
  EXPECT_DEATH(registry.gauge("sluice_test_lines_total", "Lines."), "one kind of metric");
}

}  // namespace
}  // namespace sluice
