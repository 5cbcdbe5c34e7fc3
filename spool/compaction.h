// Compaction: copies what still lives out of packs that are mostly dead, so that the committer can
// write it into new ones without reading anything cold. Everything copied has passed its checksums.
// The reader's, on its thread.
#pragma once

#include <cstdint>
#include <deque>

#include "spool/housekeeping.h"
#include "spool/transaction.h"

namespace sluice::spool {

struct CopiedPacks {
  CompactedPacks packs;
  std::vector<QuarantinedEnvelope> damaged;
};

// Takes packs from the front of `waiting` until what it copied would pass kCompactionBytesMax; at
// least one. Packs of which a quarter or more lives are declined.
Result<CopiedPacks> copy_survivors(const Environment& environment,
                                   std::deque<std::uint64_t>& waiting);

}  // namespace sluice::spool
