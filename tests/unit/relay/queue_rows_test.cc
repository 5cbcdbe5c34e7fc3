#include "relay/queue_rows.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

Site site_with(std::vector<SmartHost> hosts) { return {"*", std::move(hosts), 1, ShardId(0)}; }

class QueueRowsTest : public testing::Test {
 protected:
  QueuedEnvelope row(EnvelopeState state, std::string reason, std::int64_t next) {
    QueuedEnvelope row = row_of(site_, state);
    row.waits_for = std::move(reason);
    row.waiting.next_attempt = WallTime(next);
    return row;
  }

  Site site_ = site_with({SmartHost{.host = "mx.example", .port = 25}});
  LimitCell node_{1};
  Clock clock_;
};

TEST_F(QueueRowsTest, TheReasonOfWhatIsDueComesFirst) {
  QueueSummary summary;
  count_in(row(EnvelopeState::scheduled, "retry", 5000), summary);
  EXPECT_EQ(summary.waits_for, "retry");
  count_in(row(EnvelopeState::ready, "connection slot", 2000), summary);
  count_in(row(EnvelopeState::scheduled, "retry", 9000), summary);
  EXPECT_EQ(summary.waits_for, "connection slot");
  EXPECT_EQ(summary.next_attempt, WallTime(2000));
  EXPECT_EQ(summary.scheduled, 2u);
  EXPECT_EQ(summary.ready, 1u);
}

TEST_F(QueueRowsTest, WhatIsInFlightHasNoNextAttempt) {
  QueueSummary summary;
  count_in(row(EnvelopeState::in_flight, "reply", 1000), summary);
  EXPECT_EQ(summary.in_flight, 1u);
  EXPECT_EQ(summary.waits_for, "reply");
  EXPECT_EQ(summary.next_attempt, WallTime(0));
}

TEST_F(QueueRowsTest, NamesTheLimitThatIsReached) {
  const std::string free = ready_wait_of(site_, node_, clock_).name;
  ASSERT_TRUE(node_.try_acquire());
  const std::string node_full = ready_wait_of(site_, node_, clock_).name;
  ASSERT_TRUE(site_.connections().try_acquire());
  const std::string route_full = ready_wait_of(site_, node_, clock_).name;
  EXPECT_NE(free, node_full);
  EXPECT_NE(node_full, route_full);
}

TEST_F(QueueRowsTest, NamesTheBackoffAndItsEnd) {
  site_.note_failure(0, clock_.now(), "refused");
  const ReadyWait wait = ready_wait_of(site_, node_, clock_);
  EXPECT_EQ(wait.name, "route backoff");
  EXPECT_GT(wait.ends, WallTime(0));
}

TEST_F(QueueRowsTest, SaysThatThereIsNoRoute) {
  Site nowhere = site_with({});
  EXPECT_EQ(ready_wait_of(nowhere, node_, clock_).name, kNoRoute);
}

}  // namespace
}  // namespace sluice::relay
