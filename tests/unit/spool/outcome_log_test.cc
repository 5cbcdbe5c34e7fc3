#include "spool/outcome_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/spool/spool_harness.h"

namespace sluice::spool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

EnvelopeKey key(std::uint8_t number) { return {MessageId::from_bytes({number}), 0}; }

TEST(OutcomeLog, WakesForTheFirst) {
  OutcomeLog log;
  EXPECT_TRUE(log.push(delivered(key(1)), Instant(5)));
  EXPECT_FALSE(log.push(delivered(key(2)), Instant(6)));
  EXPECT_EQ(log.oldest(), Instant(5));
  log.take();
  EXPECT_TRUE(log.push(delivered(key(3)), Instant(7)));
}

TEST(OutcomeLog, KnowsWhatEndedUntilItIsCommitted) {
  OutcomeLog log;
  const std::vector<EnvelopeKey> keys = {key(1), key(2)};
  log.push(delivered(key(1), 2), Instant(5));
  EXPECT_THAT(log.ended(keys), ElementsAre(ElementsAre(0, 1), IsEmpty()));
  ASSERT_EQ(log.take().size(), 1U);
  EXPECT_THAT(log.ended(keys), ElementsAre(ElementsAre(0, 1), IsEmpty()));
  log.push(delivered(key(2)), Instant(6));
  log.committed();
  EXPECT_THAT(log.ended(keys), ElementsAre(IsEmpty(), ElementsAre(0)));
  EXPECT_EQ(log.oldest(), Instant(6));
}

TEST(OutcomeLog, KeepsTheOrderOverACommitThatFailed) {
  OutcomeLog log;
  log.push(delivered(key(1)), Instant(1));
  log.push(delivered(key(2)), Instant(2));
  log.take();
  log.push(delivered(key(3)), Instant(3));
  log.committed(1);
  const auto again = log.take();
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[0].key, key(2));
  EXPECT_EQ(again[1].key, key(3));
}

TEST(OutcomeLog, IsFullAtItsBound) {
  OutcomeLog log;
  for (std::size_t i = 0; i + 1 < kOutcomesPendingMax; ++i) log.push(delivered(key(1)), Instant(1));
  EXPECT_FALSE(log.is_full());
  EXPECT_TRUE(log.push(delivered(key(1)), Instant(1)));  // the committer should hurry
  EXPECT_TRUE(log.is_full());
  log.take();
  EXPECT_TRUE(log.is_full());
  log.committed();
  EXPECT_FALSE(log.is_full());
}

}  // namespace
}  // namespace sluice::spool
