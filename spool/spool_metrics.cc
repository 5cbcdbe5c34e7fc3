#include "spool/spool_metrics.h"

namespace sluice::spool {

CommitterMetrics::CommitterMetrics(MetricRegistry& registry)
    : commits(registry.counter("sluice_spool_commits_total", "Commits that reached the disk.")),
      messages(registry.counter("sluice_spool_messages_total", "Messages stored.")),
      bytes(registry.counter("sluice_spool_written_bytes_total",
                             "Bytes of packs and body parts written.")),
      refused_full(registry.counter("sluice_spool_refused_total",
                                    "Messages and body parts refused.", "reason=\"full\"")),
      refused_failed(registry.counter("sluice_spool_refused_total",
                                      "Messages and body parts refused.", "reason=\"failed\"")),
      outcomes(
          registry.counter("sluice_spool_outcomes_total", "Outcomes of envelopes made durable.")),
      outcomes_ignored(registry.counter("sluice_spool_outcomes_ignored_total",
                                        "Outcomes of envelopes that had ended before.")),
      envelopes_ended(registry.counter("sluice_spool_envelopes_ended_total",
                                       "Envelopes removed because they ended.")),
      packs_removed(registry.counter("sluice_spool_packs_removed_total",
                                     "Packs removed with their last envelope.")),
      packs_compacted(registry.counter("sluice_spool_packs_compacted_total",
                                       "Packs whose survivors were rewritten.")),
      quarantined(
          registry.counter("sluice_spool_quarantined_total", "Envelopes quarantined for damage.")),
      queue_names_removed(registry.counter("sluice_spool_queue_names_removed_total",
                                           "Names of idle queues removed.")),
      queue_names(registry.gauge("sluice_spool_queue_names",
                                 "Names of queues stored; each partition counts its own.")),
      queued_recipients(
          registry.gauge("sluice_spool_queued_recipients", "Recipients stored and not ended.")),
      commit_seconds(registry.histogram("sluice_spool_commit_seconds",
                                        "Time of a commit, from its first write on.")) {}

ReaderMetrics::ReaderMetrics(MetricRegistry& registry)
    : reads(registry.counter("sluice_spool_reads_total", "Envelopes and body parts read back.")),
      bytes(registry.counter("sluice_spool_read_bytes_total", "Bytes of bodies read back.")),
      damaged(registry.counter("sluice_spool_damaged_total", "Reads that failed a checksum.")),
      out_of_budget(
          registry.counter("sluice_spool_read_out_of_budget_total",
                           "Reads refused because the memory for bodies read back was used up.")),
      recovered(registry.counter("sluice_spool_recovered_envelopes_total",
                                 "Envelopes found at the start.")),
      round_seconds(
          registry.histogram("sluice_spool_read_round_seconds", "Time of a round of reads.")) {}

}  // namespace sluice::spool
