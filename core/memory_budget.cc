#include "core/memory_budget.h"

#include "core/assert.h"

namespace sluice {

bool MemoryBudget::try_reserve(ByteCount bytes) {
  std::uint64_t used = used_.load(std::memory_order_relaxed);
  do {
    const std::uint64_t limit = limit_.load(std::memory_order_relaxed);
    if (used > limit || bytes.value() > limit - used) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes.value(), std::memory_order_relaxed));
  return true;
}

void MemoryBudget::release(ByteCount bytes) {
  const std::uint64_t before = used_.fetch_sub(bytes.value(), std::memory_order_relaxed);
  SLUICE_ASSERT(before >= bytes.value(), "only what was reserved is released");
}

}  // namespace sluice
