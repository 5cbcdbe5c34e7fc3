// PartitionState: what the committer knows of its partition beside the tables, as of the last
// commit. Owned by the partition, changed by the committer's thread through a Batch.
#pragma once

#include <cstdint>
#include <unordered_set>

#include "spool/pack_census.h"
#include "spool/spool.h"

namespace sluice::spool {

struct PartitionState {
  explicit PartitionState(std::uint64_t first_pack) : next_pack(first_pack), census(first_pack) {}

  Accounting accounting;
  std::uint64_t next_pack;  // ids never repeat while the process runs
  PackCensus census;
  std::unordered_set<std::uint32_t> names_used;  // stored by this process: not to be reaped
};

}  // namespace sluice::spool
