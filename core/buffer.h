// ByteChain: bytes from outside, in slabs that are charged to a budget.
//
// Slabs come from a pool of the thread that asks, and go to that of the thread that lets go.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/memory_budget.h"

namespace sluice {

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
