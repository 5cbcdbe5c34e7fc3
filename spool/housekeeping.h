// Housekeeping: what a committer does beside mail: quarantine, compaction, the removal of idle
// queue names and of what the recovery found to be unneeded. In commits of its own, in bounded
// pieces, so that its failure never touches a message.
//
// Until the recovery has ended nothing is quarantined, removed or compacted: the recovery counts
// what it reads, once. The committer's, on its thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "spool/batch.h"
#include "spool/census.h"

namespace sluice::spool {

inline constexpr std::size_t kCompactionBytesMax = 4 << 20;  // copied for one commit
inline constexpr std::size_t kCompactionPacksMax = 64;       // handed to the reader at once

// Packs that the reader was asked to compact.
struct CompactedPacks {
  std::vector<Survivor> survivors;
  std::vector<std::uint64_t> sources;   // to be removed once the survivors are moved
  std::vector<std::uint64_t> declined;  // not worth it, or unreadable
};

// What the recovery of a partition found.
struct RecoveredPartition {
  RecoveredUses uses;
  std::vector<MessageId> orphaned_parts;  // messages with body parts and without an envelope
};

struct HousekeepingWork {
  std::vector<QuarantinedEnvelope> damaged;
  std::vector<CompactedPacks> compacted;
  std::optional<RecoveredPartition> recovered;
  void add(HousekeepingWork&& more);
};

class Housekeeping {
 public:
  // `compaction_delay`: how long a pack stays sparse before it is compacted; most are empty before.
  // `queue_idle`: how long a queue stays empty before its name is removed.
  Housekeeping(Census& census, Duration compaction_delay, Duration queue_idle)
      : census_(census), compaction_delay_(compaction_delay), queue_idle_(queue_idle) {}

  void add(HousekeepingWork&& work);
  // After a commit: sees which packs became sparse, and which queues empty.
  void look(Instant now);

  // When there is something to commit, or for the reader to compact.
  Instant due(Instant now) const;
  // The packs that the reader should compact now.
  std::vector<std::uint64_t> take_sparse(Instant now);
  // Before the pieces: adds the names of queues that have been empty for long.
  void gather_idle_queues(Instant now);

  bool has_piece() const;
  // Applies one piece; ended() tells what became of it.
  Result<void> apply_piece(Batch& batch);
  // Committed, or given up.
  void ended();
  // The disk is full: again later.
  void postpone(Instant until) { postponed_until_ = until; }

 private:
  Census& census_;
  Duration compaction_delay_;
  Duration queue_idle_;
  HousekeepingWork work_;  // `recovered` is empty: it is taken over at once
  std::vector<std::uint64_t> finished_packs_;
  std::vector<MessageId> orphaned_parts_;
  std::vector<std::uint32_t> idle_queues_;
  std::deque<std::pair<std::uint64_t, Instant>> sparse_;        // and since when
  std::deque<std::pair<std::uint32_t, Instant>> empty_queues_;  // and since when
  std::size_t at_reader_ = 0;                                   // packs that are being copied
  Instant postponed_until_{0};
};

}  // namespace sluice::spool
