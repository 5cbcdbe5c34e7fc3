// MemoryReservation: a part of a MemoryBudget that is held for bytes announced and not yet come.
#pragma once

#include <optional>
#include <utility>

#include "core/buffer.h"
#include "core/units.h"

namespace sluice::relay {

class MemoryReservation {
 public:
  MemoryReservation() = default;
  MemoryReservation(MemoryReservation&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, {})) {}
  MemoryReservation& operator=(MemoryReservation&& other) noexcept;
  ~MemoryReservation() { release(bytes_); }

  // Nothing when the budget has no room for them.
  static std::optional<MemoryReservation> take(MemoryBudget& budget, ByteCount bytes);

  // Gives back that many, or what is left: they have come and are charged where they lie.
  void release(ByteCount bytes);

  ByteCount bytes() const { return bytes_; }

 private:
  MemoryBudget* budget_ = nullptr;
  ByteCount bytes_;
};

}  // namespace sluice::relay
