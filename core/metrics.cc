#include "core/metrics.h"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <utility>
#include <variant>

#include "core/assert.h"

namespace sluice {

namespace {

// Bucket bounds are multiples of a quarter of a microsecond, so that the first octave, 1 to 2 µs,
// has four buckets like every other.
constexpr std::int64_t kQuarterMicrosecond = 250;
constexpr unsigned kBucketsPerOctave = 4;

std::size_t bucket_of(Duration value) {
  const std::int64_t quarters = std::max<std::int64_t>(value.count() / kQuarterMicrosecond, 4);
  const auto units = static_cast<std::uint64_t>(quarters);
  const auto octave = static_cast<unsigned>(std::bit_width(units)) - 3;
  const std::uint64_t quarter_of_octave = (units >> octave) & 3;
  const std::size_t index = octave * kBucketsPerOctave + quarter_of_octave;
  return std::min(index, Histogram::kBuckets - 1);
}

void add_relaxed(auto& value, auto amount) {
  value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace

void Histogram::observe(Duration value) {
  add_relaxed(buckets_[bucket_of(value)], std::uint64_t{1});
  add_relaxed(count_, std::uint64_t{1});
  add_relaxed(sum_, std::int64_t{value.count()});
}

Duration Histogram::upper_bound(std::size_t index) {
  SLUICE_ASSERT(index < kBuckets, "a bucket of this histogram");

  const std::size_t octave = index / kBucketsPerOctave;
  const std::size_t quarter_of_octave = index % kBucketsPerOctave;
  const std::uint64_t quarters = (quarter_of_octave + 5) << octave;
  return Duration(static_cast<std::int64_t>(quarters) * kQuarterMicrosecond);
}

struct MetricRegistry::Metrics {
  struct Entry {
    Entry(std::string_view its_name, std::string_view its_label, std::string_view its_help,
          auto kind)
        : name(its_name), label(its_label), help(its_help), metric(kind) {}

    std::string name;
    std::string label;
    std::string help;
    std::variant<Counter, Gauge, Histogram> metric;
  };

  template <class Metric>
  Metric& find_or_add(std::string_view name, std::string_view help, std::string_view label) {
    SLUICE_ASSERT(name.starts_with("sluice_"), "metrics are named sluice_<part>_<noun>_<unit>");

    const std::lock_guard lock(mutex);
    for (Entry& entry : entries) {
      if (entry.name != name || entry.label != label) continue;
      auto* const metric = std::get_if<Metric>(&entry.metric);
      SLUICE_ASSERT(metric != nullptr, "one name has one kind of metric");
      return *metric;
    }
    Entry& entry = entries.emplace_back(name, label, help, std::in_place_type<Metric>);
    return std::get<Metric>(entry.metric);
  }

  std::mutex mutex;           // registering against reading; never held by a writer of values
  std::deque<Entry> entries;  // in the order of registration; references stay valid
};

MetricRegistry::MetricRegistry() : metrics_(std::make_unique<Metrics>()) {}
MetricRegistry::~MetricRegistry() = default;

Counter& MetricRegistry::counter(std::string_view name, std::string_view help,
                                 std::string_view label) {
  return metrics_->find_or_add<Counter>(name, help, label);
}

Gauge& MetricRegistry::gauge(std::string_view name, std::string_view help, std::string_view label) {
  return metrics_->find_or_add<Gauge>(name, help, label);
}

Histogram& MetricRegistry::histogram(std::string_view name, std::string_view help,
                                     std::string_view label) {
  return metrics_->find_or_add<Histogram>(name, help, label);
}

namespace {

MetricValue::Kind kind_of(const Counter&) { return MetricValue::Kind::counter; }
MetricValue::Kind kind_of(const Gauge&) { return MetricValue::Kind::gauge; }
MetricValue::Kind kind_of(const Histogram&) { return MetricValue::Kind::histogram; }

void add_to(MetricValue& sum, const Counter& counter) {
  sum.value += static_cast<std::int64_t>(counter.value());
}

void add_to(MetricValue& sum, const Gauge& gauge) { sum.value += gauge.value(); }

void add_to(MetricValue& sum, const Histogram& histogram) {
  sum.buckets.resize(Histogram::kBuckets);
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) sum.buckets[i] += histogram.bucket(i);
  sum.count += histogram.count();
  sum.sum += histogram.sum();
}

}  // namespace

std::vector<MetricValue> sum_metrics(std::span<const MetricRegistry* const> registries) {
  std::map<std::pair<std::string, std::string>, MetricValue> sums;
  for (const MetricRegistry* registry : registries) {
    const std::lock_guard lock(registry->metrics_->mutex);
    for (const auto& entry : registry->metrics_->entries) {
      std::visit(
          [&](const auto& metric) {
            const MetricValue empty{.name = entry.name,
                                    .label = entry.label,
                                    .help = entry.help,
                                    .kind = kind_of(metric),
                                    .buckets = {}};
            MetricValue& sum = sums.try_emplace({entry.name, entry.label}, empty).first->second;
            SLUICE_ASSERT(sum.kind == kind_of(metric), "one name has one kind on every shard");
            add_to(sum, metric);
          },
          entry.metric);
    }
  }

  std::vector<MetricValue> values;
  values.reserve(sums.size());
  for (auto& [name, value] : sums) values.push_back(std::move(value));
  return values;
}

Duration percentile(std::span<const std::uint64_t> buckets, double fraction) {
  SLUICE_ASSERT(fraction >= 0.0 && fraction <= 1.0, "a fraction of the observations");
  SLUICE_ASSERT(buckets.size() <= Histogram::kBuckets, "the buckets of a histogram");

  std::uint64_t total = 0;
  for (const std::uint64_t n : buckets) total += n;
  if (total == 0) return Duration::zero();

  const double wanted = fraction * static_cast<double>(total);
  double below = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i] == 0) continue;
    last = i;
    const auto here = static_cast<double>(buckets[i]);
    if (below + here >= wanted) {
      const auto lower = i == 0 ? Duration::zero() : Histogram::upper_bound(i - 1);
      const auto width = static_cast<double>((Histogram::upper_bound(i) - lower).count());
      return lower + Duration(static_cast<std::int64_t>(width * (wanted - below) / here));
    }
    below += here;
  }
  return Histogram::upper_bound(last);
}

}  // namespace sluice
