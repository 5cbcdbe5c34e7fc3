// The directory of a spool: "00", "01", ... are its partitions, "lock" its lock file.
#pragma once

#include <string>
#include <vector>

#include "core/error.h"
#include "spool/message_id.h"

namespace sluice::spool {

inline constexpr unsigned kPartitionsMax = 100;  // two digits

std::string partition_directory(const std::string& spool_directory, PartitionId partition);

// Creates it, and its parents, with mode 0750 where it is missing, and sees that it can be written.
Result<void> make_spool_directory(const std::string& directory);
Result<void> make_partition_directory(const std::string& directory);

// Makes durable which files the directory holds.
Result<void> sync_directory(const std::string& directory);

// The partitions that are there, in order.
Result<std::vector<PartitionId>> find_partitions(const std::string& spool_directory);

}  // namespace sluice::spool
