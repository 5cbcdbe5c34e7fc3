// MemoryBudget: a bound on the bytes that outside data fills, for the whole node.
//
// It only counts: who reserves takes the memory, and releases when it is given back. Shared by
// shards and threads; reserving never waits.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/units.h"

namespace sluice {

class MemoryBudget {
 public:
  explicit MemoryBudget(ByteCount limit) : limit_(limit.value()) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  [[nodiscard]] bool try_reserve(ByteCount bytes);
  void release(ByteCount bytes);
  ByteCount used() const { return ByteCount(used_.load(std::memory_order_relaxed)); }
  ByteCount limit() const { return ByteCount(limit_.load(std::memory_order_relaxed)); }
  // What is reserved beyond a smaller limit stays so until it is released.
  void set_limit(ByteCount limit) { limit_.store(limit.value(), std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> limit_;
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace sluice
