// Verification: reads a whole spool that nobody uses and compares everything in it with everything
// else: records, packs, body parts, deferrals, queue names, counters, checksums, accounting.
//
// It changes nothing. Damage is what breaks the spool's promise. What is merely not needed any more
// (a pack or part without an envelope, as a crash during a start can leave it) is reclaimable: the
// next start removes it. Runs offline, on the caller's thread, for as long as it takes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"
#include "spool/spool.h"

namespace sluice::spool {

// Findings that are kept with their text; all are counted.
inline constexpr std::size_t kFindingsMax = 1000;

struct PartitionReport {
  PartitionId partition = 0;
  std::uint64_t envelopes = 0;
  std::uint64_t recipients_pending = 0;
  std::uint64_t packs = 0;
  std::uint64_t pack_bytes = 0;
  std::uint64_t parts = 0;
  std::uint64_t part_bytes = 0;
  std::uint64_t deferrals = 0;
  std::uint64_t quarantined = 0;  // envelopes
  std::uint64_t queues = 0;
  std::uint64_t reclaimable_packs = 0;
  std::uint64_t reclaimable_parts = 0;
  std::uint64_t reclaimable_bytes = 0;
  std::uint64_t unused_queues = 0;
  std::uint64_t counters = 0;          // of the ledger
  std::uint64_t expired_counters = 0;  // removed when a counter is added
  Accounting accounting;
};

struct VerificationReport {
  std::vector<PartitionReport> partitions;
  std::vector<std::string> findings;  // damages, as sentences; at most kFindingsMax
  std::uint64_t damages = 0;
  bool is_clean() const { return damages == 0; }
};

// refused: a relay uses the spool. not_found: no spool is there.
Result<VerificationReport> verify_spool(const std::string& directory);

}  // namespace sluice::spool
