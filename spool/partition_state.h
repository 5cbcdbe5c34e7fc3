// PartitionState: what the committer knows of its partition beside the tables, as of the last
// commit. Owned by the partition, changed by the committer's thread through a Batch.
#pragma once

#include <cstdint>
#include <vector>

#include "spool/census.h"
#include "spool/spool.h"

namespace sluice::spool {

struct PartitionState {
  PartitionState(std::uint64_t first_pack, QueueNames& names,
                 const std::vector<std::uint32_t>& queues_stored)
      : next_pack(first_pack), census(first_pack, names, queues_stored) {}

  Accounting accounting;
  std::uint64_t next_pack;  // ids never repeat while the process runs
  Census census;
};

}  // namespace sluice::spool
