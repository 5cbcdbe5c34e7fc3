#include "spool/commit_pacing.h"

#include <gtest/gtest.h>

namespace sluice::spool {
namespace {

constexpr Duration kMillisecond = std::chrono::milliseconds(1);
constexpr CommitPacing::Load kOneWhileReceiving{
    .messages = 1, .bytes = 10'000, .is_receiving = true};

// As after half a second of commits of `messages` each millisecond; returns the start of the last.
Instant run_steadily(CommitPacing& pacing, std::size_t messages) {
  Instant now(1'000'000'000);
  for (int i = 0; i < 500; ++i) pacing.started(now = now + kMillisecond, messages);
  return now;
}

TEST(CommitPacing, StartsAtOnceWhenIdle) {
  CommitPacing pacing;
  const Instant now(5'000'000'000);
  EXPECT_EQ(pacing.due(now, kOneWhileReceiving), now);
  pacing.started(now, 1);
  EXPECT_EQ(pacing.due(now + kMillisecond / 10, kOneWhileReceiving), now + kMillisecond / 10);
}

TEST(CommitPacing, KeepsAGapUnderLoad) {
  CommitPacing pacing;
  const auto start = run_steadily(pacing, 20);  // 20,000 per second
  EXPECT_EQ(pacing.gap(), CommitPacing::kGapMax);
  EXPECT_EQ(pacing.due(start + kMillisecond / 4, kOneWhileReceiving), start + kMillisecond);
  const auto late = start + 2 * kMillisecond;
  EXPECT_EQ(pacing.due(late, kOneWhileReceiving), late);
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
  const auto now = run_steadily(pacing, 20) + kMillisecond / 4;
  EXPECT_EQ(pacing.due(now, {.messages = 128, .bytes = 0, .is_receiving = true}), now);
  EXPECT_EQ(pacing.due(now, {.messages = 2, .bytes = 1 << 20, .is_receiving = true}), now);
  EXPECT_GT(pacing.due(now, {.messages = 127, .bytes = (1 << 20) - 1, .is_receiving = true}), now);
}

TEST(CommitPacing, DoesNotWaitForNobody) {
  CommitPacing pacing;
  const auto now = run_steadily(pacing, 20) + kMillisecond / 4;
  EXPECT_EQ(pacing.due(now, {.messages = 1, .bytes = 1, .is_receiving = false}), now);
}

}  // namespace
}  // namespace sluice::spool
