#include "bench/pair_set.h"

#include <gtest/gtest.h>

#include "core/random.h"

namespace sluice::bench {
namespace {

TEST(PairSet, TakesEachFingerprintOnce) {
  PairSet set;
  for (const std::uint64_t fingerprint : {0ull, 1ull, 1024ull, 2048ull, ~0ull}) {
    EXPECT_TRUE(set.insert(fingerprint)) << fingerprint;
    EXPECT_FALSE(set.insert(fingerprint)) << fingerprint;
  }
  EXPECT_EQ(set.size(), 5u);
}

TEST(PairSet, ForgetsNothingWhenItGrows) {
  PairSet set;
  Random random(1);
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(set.insert(random.next()));
  random = Random(1);
  for (int i = 0; i < 10'000; ++i) EXPECT_FALSE(set.insert(random.next()));
  EXPECT_EQ(set.size(), 10'000u);
}

}  // namespace
}  // namespace sluice::bench
