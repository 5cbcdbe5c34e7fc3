// Housekeeping: what a committer does beside mail: quarantine, compaction, and the removal of what
// the recovery found to be unneeded. In commits of its own, in bounded pieces, so that its failure
// never touches a message.
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
#include "spool/pack_census.h"

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
  RecoveredPacks packs;
  std::vector<MessageId> orphaned_parts;     // messages with body parts and without an envelope
  std::vector<std::uint32_t> unused_queues;  // names that no envelope uses
};

struct HousekeepingWork {
  std::vector<QuarantinedEnvelope> damaged;
  std::vector<CompactedPacks> compacted;
  std::optional<RecoveredPartition> recovered;
  void add(HousekeepingWork&& more);
};

class Housekeeping {
 public:
  // `delay`: how long a pack stays sparse before it is compacted; most are empty before.
  Housekeeping(PackCensus& census, Duration delay) : census_(census), delay_(delay) {}

  void add(HousekeepingWork&& work);
  // After a commit: sees which packs became sparse.
  void look(Instant now);

  // When there is something to commit, or for the reader to compact.
  Instant due(Instant now) const;
  // The packs that the reader should compact now.
  std::vector<std::uint64_t> take_sparse(Instant now);

  bool has_piece() const;
  // Applies one piece; ended() tells what became of it.
  Result<void> apply_piece(Batch& batch);
  // Committed, or given up.
  void ended();
  // The disk is full: again later.
  void postpone(Instant until) { postponed_until_ = until; }

 private:
  PackCensus& census_;
  Duration delay_;
  HousekeepingWork work_;  // `recovered` is empty: it is taken over at once
  std::vector<std::uint64_t> finished_packs_;
  std::vector<MessageId> orphaned_parts_;
  std::vector<std::uint32_t> unused_queues_;
  std::deque<std::pair<std::uint64_t, Instant>> sparse_;  // and since when
  std::size_t at_reader_ = 0;                             // packs that are being copied
  Instant postponed_until_{0};
};

}  // namespace sluice::spool
