// SpoolMetrics: what the workers of a partition count. One set for each of its two threads.
#pragma once

#include "core/metrics.h"

namespace sluice::spool {

// Messages per commit is messages / commits.
struct CommitterMetrics {
  explicit CommitterMetrics(MetricRegistry& registry);
  Counter& commits;
  Counter& messages;
  Counter& bytes;
  Counter& refused_full;
  Counter& refused_failed;
  Counter& outcomes;
  Counter& outcomes_ignored;
  Counter& envelopes_ended;
  Counter& packs_removed;
  Counter& packs_compacted;
  Counter& quarantined;
  Counter& queue_names_removed;
  Gauge& queue_names;
  Gauge& queued_recipients;
  Histogram& commit_seconds;
};

struct ReaderMetrics {
  explicit ReaderMetrics(MetricRegistry& registry);
  Counter& reads;
  Counter& bytes;
  Counter& damaged;
  Counter& out_of_budget;
  Counter& recovered;
  Histogram& round_seconds;
};

}  // namespace sluice::spool
