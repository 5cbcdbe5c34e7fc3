// FileGrowth: keeps zeros written behind what a partition's file holds, so that commits of a
// growing queue write over blocks that are there. Else each commit has blocks allocated and syncs
// the file's size and extents too (docs/performance.md, "What was tried").
//
// Only whoever commits may use it, between two commits: LMDB writes to the same file, and what lies
// beyond its end is nobody's as long as nothing is being committed.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::spool {

class Environment;

inline constexpr std::uint64_t kZerosAheadMax = 2 << 20;
inline constexpr std::uint64_t kZerosAheadMin = 64 << 10;
inline constexpr std::uint64_t kZerosAheadShare =
    8;  // an eighth of what is used: the rest is small

class FileGrowth {
 public:
  explicit FileGrowth(const Environment& environment) : environment_(environment) {}

  // Writes zeros when half of what should lie ahead has been used up. They are synced by the next
  // commit. Where they cannot be written, nothing happens: LMDB then allocates by itself.
  void keep_ahead();

 private:
  const Environment& environment_;
  std::uint64_t end_ = 0;  // of the file, at the last look
  std::vector<char> zeros_;
};

}  // namespace sluice::spool
