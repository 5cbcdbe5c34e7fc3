// Memory that outside data fills: a budget of the node, and chains of slabs charged to it.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/units.h"

namespace sluice {

// A bound on bytes, shared by shards. Reserving never waits.
class MemoryBudget {
 public:
  explicit MemoryBudget(ByteCount limit) : limit_(limit) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  [[nodiscard]] bool try_reserve(ByteCount bytes);
  void release(ByteCount bytes);
  ByteCount used() const { return ByteCount(used_.load(std::memory_order_relaxed)); }
  ByteCount limit() const { return limit_; }

 private:
  ByteCount limit_;
  std::atomic<std::uint64_t> used_{0};
};

inline constexpr std::size_t kSlabBytes = 16 * 1024;

// Slabs that each thread keeps for its next ones, the last freed first: that one is still in the
// cache.
inline constexpr std::size_t kSlabsKeptMax = 64;

struct SlabDeleter {
  void operator()(char* slab) const;
};
using Slab = std::unique_ptr<char[], SlabDeleter>;
Slab make_slab();

// Bytes that only grow, in slabs of kSlabBytes charged to a budget. Moves, never copies. May be
// read on another thread while nobody appends, and destroyed on any.
class ByteChain {
 public:
  explicit ByteChain(MemoryBudget& budget) : budget_(&budget) {}
  ByteChain(ByteChain&& other) noexcept;
  ByteChain& operator=(ByteChain&& other) noexcept;
  ~ByteChain();

  // Copies the bytes in; out_of_budget leaves the chain as it was.
  Result<void> append(std::string_view bytes);
  void clear();

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // The bytes in order. Valid until the next append or clear.
  std::size_t piece_count() const { return slabs_.size(); }
  std::string_view piece(std::size_t index) const;

  // All bytes in one string, for tests and small values.
  std::string to_string() const;

 private:
  MemoryBudget* budget_;
  std::vector<Slab> slabs_;
  std::size_t size_ = 0;
};

}  // namespace sluice
