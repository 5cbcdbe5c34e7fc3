#include "spool/queue_census.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::spool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class QueueCensusTest : public testing::Test {
 protected:
  void use(std::uint32_t queue) {
    census_.add(queue);
    census_.end(queue);
    census_.keep();
  }

  QueueNames names_;
  QueueHold held_ = names_.hold("acme@example.net");
  std::uint32_t queue_ = held_.number();
  QueueCensus census_{names_, {}};
};

TEST_F(QueueCensusTest, TellsOfAQueueWhenItsLastEnvelopeHasEnded) {
  census_.add(queue_);
  census_.add(queue_);
  census_.keep();
  census_.end(queue_);
  census_.keep();
  EXPECT_THAT(census_.take_empty(), IsEmpty());
  census_.end(queue_);
  EXPECT_THAT(census_.take_empty(), IsEmpty());  // not on disk yet
  census_.keep();
  EXPECT_THAT(census_.take_empty(), ElementsAre(queue_));
  EXPECT_THAT(census_.take_empty(), IsEmpty());
}

TEST_F(QueueCensusTest, TellsOfABusyQueueOnceHoweverOftenItEmpties) {
  for (int i = 0; i < 3; ++i) use(queue_);
  EXPECT_THAT(census_.take_empty(), ElementsAre(queue_));
}

TEST_F(QueueCensusTest, AQueueThatWasUsedSinceItWasToldOfIsToldOfAgain) {
  use(queue_);
  census_.take_empty();
  use(queue_);
  EXPECT_FALSE(census_.is_idle(queue_));
  EXPECT_THAT(census_.take_empty(), ElementsAre(queue_));
  EXPECT_TRUE(census_.is_idle(queue_));
}

TEST_F(QueueCensusTest, AQueueThatIsInUseIsToldOfWhenItIsEmpty) {
  use(queue_);
  census_.take_empty();
  census_.add(queue_);
  census_.keep();
  EXPECT_FALSE(census_.is_idle(queue_));
  EXPECT_THAT(census_.take_empty(), IsEmpty());
  census_.end(queue_);
  census_.keep();
  EXPECT_THAT(census_.take_empty(), ElementsAre(queue_));
}

TEST_F(QueueCensusTest, HoldsTheNameUntilItsRemovalIsOnDisk) {
  use(queue_);
  held_ = QueueHold();
  census_.remove(queue_);
  EXPECT_EQ(names_.name(queue_), "acme@example.net");
  census_.keep();
  EXPECT_EQ(names_.name(queue_), "");
  EXPECT_FALSE(census_.is_stored(queue_));
}

TEST_F(QueueCensusTest, ForgetsARemovalThatWasAborted) {
  use(queue_);
  census_.take_empty();
  census_.remove(queue_);
  census_.forget();
  EXPECT_TRUE(census_.is_stored(queue_));
  EXPECT_TRUE(census_.is_idle(queue_));
  census_.remove(queue_);
  census_.keep();
  EXPECT_EQ(census_.size(), 0U);
}

TEST_F(QueueCensusTest, ForgetsEnvelopesThatWereAborted) {
  census_.add(queue_);
  census_.add(queue_);
  census_.end(queue_);
  census_.forget();
  EXPECT_FALSE(census_.is_stored(queue_));
  held_ = QueueHold();
  EXPECT_EQ(names_.size(), 0U);
}

TEST_F(QueueCensusTest, AnAbortedEndLeavesTheEnvelope) {
  census_.add(queue_);
  census_.keep();
  census_.end(queue_);
  census_.forget();
  EXPECT_THAT(census_.take_empty(), IsEmpty());
  census_.end(queue_);
  census_.keep();
  EXPECT_THAT(census_.take_empty(), ElementsAre(queue_));
}

TEST_F(QueueCensusTest, TellsOfStoredNamesThatTheRecoveryFoundUnused) {
  ASSERT_TRUE(names_.load(50, "used@example.net"));
  ASSERT_TRUE(names_.load(51, "unused@example.net"));
  QueueCensus found(names_, {50, 51});
  found.merge({{50, 2}, {99, 1}});  // the row of 99 is lost
  EXPECT_THAT(found.take_empty(), ElementsAre(51));
  found.end(99);
  found.keep();
  EXPECT_THAT(found.take_empty(), IsEmpty());
}

}  // namespace
}  // namespace sluice::spool
