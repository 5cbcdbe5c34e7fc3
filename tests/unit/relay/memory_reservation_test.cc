#include "relay/memory_reservation.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

TEST(MemoryReservation, HoldsItsBytesUntilItEnds) {
  MemoryBudget budget(kibibytes(10));
  {
    const auto reservation = MemoryReservation::take(budget, kibibytes(6));
    ASSERT_TRUE(reservation.has_value());
    EXPECT_EQ(budget.used(), kibibytes(6));
  }
  EXPECT_EQ(budget.used(), ByteCount(0));
}

TEST(MemoryReservation, IsRefusedPastTheBudget) {
  MemoryBudget budget(kibibytes(10));
  const auto all = MemoryReservation::take(budget, kibibytes(10));
  EXPECT_TRUE(all.has_value());
  EXPECT_FALSE(MemoryReservation::take(budget, ByteCount(1)).has_value());
}

TEST(MemoryReservation, GivesBackWhatHasComeAndNeverMore) {
  MemoryBudget budget(kibibytes(10));
  auto reservation = MemoryReservation::take(budget, kibibytes(6));
  ASSERT_TRUE(reservation.has_value());
  reservation->release(kibibytes(2));
  EXPECT_EQ(budget.used(), kibibytes(4));
  reservation->release(kibibytes(100));
  EXPECT_EQ(budget.used(), ByteCount(0));
}

TEST(MemoryReservation, MovesWithItsBytes) {
  MemoryBudget budget(kibibytes(10));
  auto first = MemoryReservation::take(budget, kibibytes(2));
  auto second = MemoryReservation::take(budget, kibibytes(3));
  ASSERT_TRUE(first.has_value());
  ASSERT_TRUE(second.has_value());
  *first = std::move(*second);
  EXPECT_EQ(budget.used(), kibibytes(3));
  EXPECT_EQ(first->bytes(), kibibytes(3));
}

}  // namespace
}  // namespace sluice::relay
