// The metrics as text, in the format that Prometheus reads (text exposition format 0.0.4). Pure.
#pragma once

#include <span>
#include <string>

#include "core/metrics.h"

namespace sluice {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// `values` as sum_metrics() gives them: ordered by name, so that each name is one group. A
// histogram is told with one bucket per power of two: a quarter of what it keeps.
std::string metrics_text(std::span<const MetricValue> values);

}  // namespace sluice
