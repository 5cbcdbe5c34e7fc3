#include "core/random.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice {
namespace {

TEST(Random, RepeatsItselfFromItsSeed) {
  Random first(42);
  Random second(42);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(first.next(), second.next());
  EXPECT_NE(Random(1).next(), Random(2).next());
}

TEST(Random, StaysBelowItsBoundAndReachesEveryNumber) {
  Random random(7);
  std::vector<int> counts(5, 0);
  for (int i = 0; i < 5'000; ++i) ++counts.at(random.below(5));
  for (const int count : counts) {
    EXPECT_GT(count, 800);
    EXPECT_LT(count, 1'200);
  }
  EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, GivesFractionsBelowOne) {
  Random random(7);
  double sum = 0;
  for (int i = 0; i < 1'000; ++i) {
    const double fraction = random.fraction();
    ASSERT_GE(fraction, 0.0);
    ASSERT_LT(fraction, 1.0);
    sum += fraction;
  }
  EXPECT_NEAR(sum / 1'000, 0.5, 0.05);
}

}  // namespace
}  // namespace sluice
