// MemoryBudgets: what limits.memory gives to mail that comes in and to mail that is read back.
//
// A quarter is kept for reading back, so that outflow never waits for inflow.
#pragma once

#include "core/memory_budget.h"

namespace sluice::relay {

class MemoryBudgets {
 public:
  explicit MemoryBudgets(ByteCount limit)
      : reception_(limit - read_part_of(limit)), read_(read_part_of(limit)) {}

  MemoryBudget& reception() { return reception_; }
  MemoryBudget& read() { return read_; }
  void set_limit(ByteCount limit) {
    reception_.set_limit(limit - read_part_of(limit));
    read_.set_limit(read_part_of(limit));
  }

 private:
  static ByteCount read_part_of(ByteCount limit) { return ByteCount(limit.value() / 4); }

  MemoryBudget reception_;
  MemoryBudget read_;
};

}  // namespace sluice::relay
