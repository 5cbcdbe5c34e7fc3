// Metrics: counters, gauges and histograms of one shard, summed over shards when read.
//
// Writing is one relaxed add on a value that only this shard writes. Names follow Prometheus:
// sluice_<part>_<noun>_<unit>[_total]. Labels come from enums, so their number is bounded.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/units.h"

namespace sluice {

class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void add(std::int64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(std::int64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Logarithmic buckets, four per power of two, from 1 µs to over an hour: relative error below 13 %.
class Histogram {
 public:
  static constexpr std::size_t kBuckets = 132;
  void observe(Duration value);
  std::uint64_t bucket(std::size_t index) const {
    return buckets_[index].load(std::memory_order_relaxed);
  }
  static Duration upper_bound(std::size_t index);
  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  Duration sum() const { return Duration(sum_.load(std::memory_order_relaxed)); }

 private:
  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
  std::atomic<std::uint64_t> count_{0};
  std::atomic<std::int64_t> sum_{0};
};

// What one metric says when it is read, over all shards.
struct MetricValue {
  enum class Kind : std::uint8_t { counter, gauge, histogram };
  std::string name;
  std::string label;  // `reason="syntax"`, or empty
  std::string help;
  Kind kind;
  std::int64_t value = 0;              // counter, gauge
  std::vector<std::uint64_t> buckets;  // histogram
  std::uint64_t count = 0;
  Duration sum{0};
};

// The metrics of one shard (or of one worker thread). Registering happens while the part starts;
// references stay valid as long as the registry.
class MetricRegistry {
 public:
  MetricRegistry();
  MetricRegistry(const MetricRegistry&) = delete;
  MetricRegistry& operator=(const MetricRegistry&) = delete;
  ~MetricRegistry();

  // The same name and label give the same metric.
  Counter& counter(std::string_view name, std::string_view help, std::string_view label = {});
  Gauge& gauge(std::string_view name, std::string_view help, std::string_view label = {});
  Histogram& histogram(std::string_view name, std::string_view help, std::string_view label = {});

  struct Metrics;  // defined in metrics.cc

 private:
  friend std::vector<MetricValue> sum_metrics(std::span<const MetricRegistry* const> registries);
  std::unique_ptr<Metrics> metrics_;
};

// From any thread: the sums over the registries, by name and label.
std::vector<MetricValue> sum_metrics(std::span<const MetricRegistry* const> registries);

// The value below which `fraction` (0.5, 0.99) of the observations lie; zero when there are none.
Duration percentile(std::span<const std::uint64_t> buckets, double fraction);

}  // namespace sluice
