// PairSet: the 64-bit fingerprints that a ledger has seen, in one open-addressed table.
//
// A node per fingerprint, as std::unordered_set has it, cost a twentieth of what the load tools
// take per message. Only grows. Not for several threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::bench {

class PairSet {
 public:
  PairSet() : slots_(kSlotsAtFirst) {}

  // False when it is there already.
  bool insert(std::uint64_t fingerprint);
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kSlotsAtFirst = 1024;  // a power of two, as every size

  bool place(std::uint64_t fingerprint);
  void grow();

  std::vector<std::uint64_t> slots_;  // 0: free
  std::size_t size_ = 0;
  bool has_zero_ = false;
};

}  // namespace sluice::bench
