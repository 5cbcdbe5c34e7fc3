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
  EXPECT_EQ(ready_wait_of(site_, node_, clock_).name, "connection slot");
  ASSERT_TRUE(node_.try_acquire());
  EXPECT_EQ(ready_wait_of(site_, node_, clock_).name,
            "connection slot (limits.outgoing_connections)");
  ASSERT_TRUE(site_.connections().try_acquire());  // the narrower limit is named
  EXPECT_EQ(ready_wait_of(site_, node_, clock_).name, "connection slot (connections of the route)");
}

TEST_F(QueueRowsTest, NamesTheBackoffAndItsEnd) {
  const WallTime before = clock_.wall();
  site_.note_failure(0, clock_.now(), "refused");
  const ReadyWait wait = ready_wait_of(site_, node_, clock_);
  EXPECT_EQ(wait.name, "route backoff");
  const Duration rounding = std::chrono::milliseconds(1);
  EXPECT_GE(wait.ends - before, kHostRetryFirst - rounding);
  EXPECT_LE(wait.ends - clock_.wall(), kHostRetryFirst + rounding);
}

TEST_F(QueueRowsTest, NamesNoBackoffWhileAConnectionIsOpen) {
  ASSERT_TRUE(site_.connections().try_acquire());
  site_.note_failure(0, clock_.now(), "refused");
  const ReadyWait wait = ready_wait_of(site_, node_, clock_);
  EXPECT_EQ(wait.name, "connection slot (connections of the route)");
  EXPECT_EQ(wait.ends, WallTime(0));
}

TEST_F(QueueRowsTest, SaysThatThereIsNoRoute) {
  Site nowhere = site_with({});
  EXPECT_EQ(ready_wait_of(nowhere, node_, clock_).name, kNoRoute);
}

}  // namespace
}  // namespace sluice::relay
