#include "relay/connection_limits.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

const IpAddress kAlice = *IpAddress::parse("192.0.2.1");
const IpAddress kBob = *IpAddress::parse("2001:db8::2");

std::vector<ListenerSettings> listeners() {
  ListenerSettings narrow;
  narrow.connections = 3;
  narrow.connections_per_address = 2;
  return {narrow, ListenerSettings()};
}

class ConnectionLimitsTest : public testing::Test {
 protected:
  void admit_alice_up_to_her_limit() {
    EXPECT_EQ(limits_.admit(0, kAlice), Admission::welcome);
    EXPECT_EQ(limits_.admit(0, kAlice), Admission::welcome);
  }

  ConnectionLimits limits_{listeners()};
};

TEST_F(ConnectionLimitsTest, AdmitsAnAddressUpToItsLimit) {
  admit_alice_up_to_her_limit();
  EXPECT_EQ(limits_.admit(0, kAlice), Admission::too_many_from_address);
  EXPECT_EQ(limits_.admit(0, kBob), Admission::welcome);
}

TEST_F(ConnectionLimitsTest, AdmitsAListenersConnectionsUpToTheirLimit) {
  admit_alice_up_to_her_limit();
  EXPECT_EQ(limits_.admit(0, kBob), Admission::welcome);
  EXPECT_EQ(limits_.admit(0, kBob), Admission::too_many_connections);
}

TEST_F(ConnectionLimitsTest, CountsEachListenerForItself) {
  admit_alice_up_to_her_limit();
  EXPECT_EQ(limits_.admit(1, kAlice), Admission::welcome);
  EXPECT_EQ(limits_.open_connections(0), 2U);
  EXPECT_EQ(limits_.open_connections(1), 1U);
}

TEST_F(ConnectionLimitsTest, AdmitsAgainAfterOneEnded) {
  admit_alice_up_to_her_limit();
  limits_.release(0, kAlice, Admission::welcome);
  EXPECT_EQ(limits_.admit(0, kAlice), Admission::welcome);
}

TEST_F(ConnectionLimitsTest, ARefusedConnectionTakesNoPlace) {
  admit_alice_up_to_her_limit();
  EXPECT_EQ(limits_.admit(0, kAlice), Admission::too_many_from_address);
  EXPECT_EQ(limits_.open_connections(0), 2U);
  EXPECT_EQ(limits_.refusals(), 1U);
  limits_.release(0, kAlice, Admission::too_many_from_address);
  EXPECT_EQ(limits_.refusals(), 0U);
  EXPECT_EQ(limits_.open_connections(0), 2U);
}

TEST_F(ConnectionLimitsTest, ClosesWithoutAWordPastTheBoundOnRefusals) {
  admit_alice_up_to_her_limit();
  for (std::uint32_t i = 0; i < kRefusalsMax; ++i) {
    ASSERT_EQ(limits_.admit(0, kAlice), Admission::too_many_from_address);
  }
  EXPECT_EQ(limits_.admit(0, kAlice), Admission::closed);
  EXPECT_EQ(limits_.refusals(), kRefusalsMax);
}

}  // namespace
}  // namespace sluice::relay
