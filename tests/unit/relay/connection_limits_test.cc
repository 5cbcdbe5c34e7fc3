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

TEST(ConnectionLimits, AdmitsAnAddressUpToItsLimit) {
  ConnectionLimits limits(listeners());
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kAlice), Admission::too_many_from_address);
  EXPECT_EQ(limits.admit(0, kBob), Admission::welcome);
}

TEST(ConnectionLimits, AdmitsAListenersConnectionsUpToTheirLimit) {
  ConnectionLimits limits(listeners());
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kBob), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kBob), Admission::too_many_connections);
}

TEST(ConnectionLimits, CountsEachListenerForItself) {
  ConnectionLimits limits(listeners());
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
  EXPECT_EQ(limits.admit(1, kAlice), Admission::welcome);
  EXPECT_EQ(limits.open_connections(0), 2U);
  EXPECT_EQ(limits.open_connections(1), 1U);
}

TEST(ConnectionLimits, AdmitsAgainAfterOneEnded) {
  ConnectionLimits limits(listeners());
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
  limits.release(0, kAlice, Admission::welcome);
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
}

TEST(ConnectionLimits, ARefusedConnectionTakesNoPlace) {
  ConnectionLimits limits(listeners());
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kAlice), Admission::too_many_from_address);
  EXPECT_EQ(limits.open_connections(0), 2U);
  EXPECT_EQ(limits.refusals(), 1U);
  limits.release(0, kAlice, Admission::too_many_from_address);
  EXPECT_EQ(limits.refusals(), 0U);
  EXPECT_EQ(limits.open_connections(0), 2U);
}

TEST(ConnectionLimits, ClosesWithoutAWordPastTheBoundOnRefusals) {
  ConnectionLimits limits(listeners());
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kAlice), Admission::welcome);
  for (std::uint32_t i = 0; i < kRefusalsMax; ++i) {
    ASSERT_EQ(limits.admit(0, kAlice), Admission::too_many_from_address);
  }
  EXPECT_EQ(limits.admit(0, kAlice), Admission::closed);
  EXPECT_EQ(limits.refusals(), kRefusalsMax);
}

}  // namespace
}  // namespace sluice::relay
