#include "bench/pair_set.h"

namespace sluice::bench {

bool PairSet::insert(std::uint64_t fingerprint) {
  if (fingerprint == 0) {  // stands for a free slot
    if (has_zero_) return false;
    has_zero_ = true;
    ++size_;
    return true;
  }
  if (size_ >= slots_.size() / 2) grow();
  const bool is_new = place(fingerprint);
  size_ += is_new ? 1 : 0;
  return is_new;
}

// The fingerprints are hashes: their low bits choose the slot.
bool PairSet::place(std::uint64_t fingerprint) {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = fingerprint & mask;; i = (i + 1) & mask) {
    if (slots_[i] == fingerprint) return false;
    if (slots_[i] != 0) continue;
    slots_[i] = fingerprint;
    return true;
  }
}

void PairSet::grow() {
  std::vector<std::uint64_t> old(slots_.size() * 4);
  old.swap(slots_);
  for (const std::uint64_t fingerprint : old) {
    if (fingerprint != 0) place(fingerprint);
  }
}

}  // namespace sluice::bench
