#include "core/metrics_text.h"

#include <fmt/format.h>

#include <chrono>
#include <iterator>

#include "core/assert.h"

namespace sluice {

namespace {

constexpr std::size_t kBucketsPerLine = 4;
static_assert(Histogram::kBuckets % kBucketsPerLine == 0,
              "the last line ends with the last bucket");

double in_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string_view type_of(MetricValue::Kind kind) {
  switch (kind) {
    case MetricValue::Kind::counter:
      return "counter";
    case MetricValue::Kind::gauge:
      return "gauge";
    case MetricValue::Kind::histogram:
      return "histogram";
  }
  return "untyped";
}

// In a HELP line a backslash and a line feed would be read as something else.
std::string help_of(const MetricValue& value) {
  std::string help;
  for (const char c : value.help) {
    if (c == '\\') {
      help += "\\\\";
    } else if (c == '\n') {
      help += "\\n";
    } else {
      help += c;
    }
  }
  return help;
}

void append_histogram(std::string& text, const MetricValue& value) {
  SLUICE_ASSERT(value.buckets.size() == Histogram::kBuckets, "a sum has every bucket");
  const auto out = std::back_inserter(text);
  const std::string label = value.label.empty() ? "" : value.label + ",";
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < value.buckets.size(); ++i) {
    below += value.buckets[i];
    // What is beyond the last bound lies in the last bucket, which therefore has none.
    const bool is_last = i + 1 == value.buckets.size();
    if ((i + 1) % kBucketsPerLine != 0 || is_last) continue;
    fmt::format_to(out, "{}_bucket{{{}le=\"{}\"}} {}\n", value.name, label,
                   in_seconds(Histogram::upper_bound(i)), below);
  }
  // The values are read while they are written: the buckets give the count, so that they agree.
  fmt::format_to(out, "{}_bucket{{{}le=\"+Inf\"}} {}\n", value.name, label, below);
  const std::string labels = value.label.empty() ? "" : "{" + value.label + "}";
  fmt::format_to(out, "{}_sum{} {}\n", value.name, labels, in_seconds(value.sum));
  fmt::format_to(out, "{}_count{} {}\n", value.name, labels, below);
}

}  // namespace

std::string metrics_text(std::span<const MetricValue> values) {
  std::string text;
  std::string_view last_name;
  for (const MetricValue& value : values) {
    const auto out = std::back_inserter(text);
    if (value.name != last_name) {
      fmt::format_to(out, "# HELP {} {}\n# TYPE {} {}\n", value.name, help_of(value), value.name,
                     type_of(value.kind));
    }
    last_name = value.name;
    if (value.kind == MetricValue::Kind::histogram) {
      append_histogram(text, value);
    } else {
      const std::string labels = value.label.empty() ? "" : "{" + value.label + "}";
      fmt::format_to(out, "{}{} {}\n", value.name, labels, value.value);
    }
  }
  return text;
}

}  // namespace sluice
