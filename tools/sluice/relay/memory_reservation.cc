#include "relay/memory_reservation.h"

#include <algorithm>

namespace sluice::relay {

MemoryReservation& MemoryReservation::operator=(MemoryReservation&& other) noexcept {
  if (this == &other) return *this;
  release(bytes_);
  budget_ = std::exchange(other.budget_, nullptr);
  bytes_ = std::exchange(other.bytes_, {});
  return *this;
}

std::optional<MemoryReservation> MemoryReservation::take(MemoryBudget& budget, ByteCount bytes) {
  if (!budget.try_reserve(bytes)) return std::nullopt;
  MemoryReservation reservation;
  reservation.budget_ = &budget;
  reservation.bytes_ = bytes;
  return reservation;
}

void MemoryReservation::release(ByteCount bytes) {
  const ByteCount given_back = std::min(bytes, bytes_);
  if (given_back == ByteCount(0)) return;
  budget_->release(given_back);
  bytes_ = bytes_ - given_back;
}

}  // namespace sluice::relay
