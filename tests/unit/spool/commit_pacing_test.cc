#include "spool/commit_pacing.h"

#include <gtest/gtest.h>

namespace sluice::spool {
namespace {

constexpr Duration kMillisecond = std::chrono::milliseconds(1);
constexpr CommitPacing::Load kOne{.messages = 1, .bytes = 10'000};

// As after half a second of commits of `messages` each millisecond, of which none waits when the
// others are answered; returns the start of the last.
Instant run_steadily(CommitPacing& pacing, std::size_t messages) {
  Instant now(1'000'000'000);
  for (int i = 0; i < 500; ++i) {
    pacing.started(now = now + kMillisecond, messages);
    pacing.answered(0);
  }
  return now;
}

TEST(CommitPacing, StartsAtOnceWhenIdle) {
  CommitPacing pacing;
  const Instant now(5'000'000'000);
  EXPECT_EQ(pacing.due(now, kOne), now);
  pacing.started(now, 1);
  EXPECT_EQ(pacing.due(now + kMillisecond / 10, kOne), now + kMillisecond / 10);
}

TEST(CommitPacing, KeepsAGapUnderLoad) {
  CommitPacing pacing;
  const auto start = run_steadily(pacing, 20);  // 20,000 per second
  EXPECT_EQ(pacing.gap(), CommitPacing::kGapMax);
  EXPECT_EQ(pacing.due(start + kMillisecond / 4, kOne), start + kMillisecond);
  const auto late = start + 2 * kMillisecond;
  EXPECT_EQ(pacing.due(late, kOne), late);
}

TEST(CommitPacing, HasNoGapBelowTheBusyRate) {
  CommitPacing pacing;
  run_steadily(pacing, 2);  // 2,000 per second
  EXPECT_EQ(pacing.gap(), Duration::zero());
}

TEST(CommitPacing, GrowsTheGapWithTheRate) {
  CommitPacing pacing;
  run_steadily(pacing, 5);  // 5,000 per second
  EXPECT_GT(pacing.gap(), CommitPacing::kGapMin);
  EXPECT_LT(pacing.gap(), CommitPacing::kGapMax);
}

TEST(CommitPacing, CutsTheGapShortWhenEnoughIsThere) {
  CommitPacing pacing;
  const auto now = run_steadily(pacing, 1'000) + kMillisecond / 4;
  EXPECT_EQ(pacing.messages_enough(), 128U);
  EXPECT_EQ(pacing.due(now, {.messages = 128, .bytes = 0}), now);
  EXPECT_EQ(pacing.due(now, {.messages = 2, .bytes = 1 << 20}), now);
  EXPECT_GT(pacing.due(now, {.messages = 127, .bytes = (1 << 20) - 1}), now);
}

// Clients that wait for each 250: those just answered and those that wait are all there are.
TEST(CommitPacing, CutsTheGapShortWhenTwoOfFiveHaveComeBack) {
  CommitPacing pacing;
  const auto start = run_steadily(pacing, 20);
  pacing.answered(10);
  EXPECT_EQ(pacing.messages_enough(), 12U);
  const auto now = start + kMillisecond / 4;
  EXPECT_EQ(pacing.due(now, {.messages = 12, .bytes = 1}), now);
  EXPECT_EQ(pacing.due(now, {.messages = 11, .bytes = 1}), start + kMillisecond);
}

TEST(CommitPacing, AlwaysWaitsForOneAtLeast) {
  CommitPacing pacing;
  EXPECT_EQ(pacing.messages_enough(), 1U);
  run_steadily(pacing, 1);
  EXPECT_EQ(pacing.messages_enough(), 1U);
}

}  // namespace
}  // namespace sluice::spool
