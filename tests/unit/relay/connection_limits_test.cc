#include "relay/connection_limits.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

const IpAddress kAlice = *IpAddress::parse("192.0.2.1");
const IpAddress kBob = *IpAddress::parse("2001:db8::2");
constexpr Instant kNow(1'000'000'000);

std::vector<ListenerSettings> listeners() {
  ListenerSettings narrow;
  narrow.connections = 3;
  narrow.connections_per_address = 2;
  return {narrow, ListenerSettings()};
}

class ConnectionLimitsTest : public testing::Test {
 protected:
  void admit_alice_up_to_her_limit() {
    EXPECT_EQ(limits_.admit(0, kAlice, kNow), Admission::welcome);
    EXPECT_EQ(limits_.admit(0, kAlice, kNow), Admission::welcome);
  }

  ConnectionLimits limits_{listeners()};
};

TEST_F(ConnectionLimitsTest, AdmitsAnAddressUpToItsLimit) {
  admit_alice_up_to_her_limit();
  EXPECT_EQ(limits_.admit(0, kAlice, kNow), Admission::too_many_from_address);
  EXPECT_EQ(limits_.admit(0, kBob, kNow), Admission::welcome);
}

TEST_F(ConnectionLimitsTest, AdmitsAListenersConnectionsUpToTheirLimit) {
  admit_alice_up_to_her_limit();
  EXPECT_EQ(limits_.admit(0, kBob, kNow), Admission::welcome);
  EXPECT_EQ(limits_.admit(0, kBob, kNow), Admission::too_many_connections);
}

TEST_F(ConnectionLimitsTest, CountsEachListenerForItself) {
  admit_alice_up_to_her_limit();
  EXPECT_EQ(limits_.admit(1, kAlice, kNow), Admission::welcome);
  EXPECT_EQ(limits_.open_connections(0), 2U);
  EXPECT_EQ(limits_.open_connections(1), 1U);
}

TEST_F(ConnectionLimitsTest, AdmitsAgainAfterOneEnded) {
  admit_alice_up_to_her_limit();
  limits_.release(0, kAlice, Admission::welcome);
  EXPECT_EQ(limits_.admit(0, kAlice, kNow), Admission::welcome);
}

TEST_F(ConnectionLimitsTest, ARefusedConnectionTakesNoPlace) {
  admit_alice_up_to_her_limit();
  EXPECT_EQ(limits_.admit(0, kAlice, kNow), Admission::too_many_from_address);
  EXPECT_EQ(limits_.open_connections(0), 2U);
  EXPECT_EQ(limits_.refusals(), 1U);
  limits_.release(0, kAlice, Admission::too_many_from_address);
  EXPECT_EQ(limits_.refusals(), 0U);
  EXPECT_EQ(limits_.open_connections(0), 2U);
}

TEST_F(ConnectionLimitsTest, ClosesWithoutAWordPastTheBoundOnRefusals) {
  admit_alice_up_to_her_limit();
  for (std::uint32_t i = 0; i < kRefusalsMax; ++i) {
    ASSERT_EQ(limits_.admit(0, kAlice, kNow), Admission::too_many_from_address);
  }
  EXPECT_EQ(limits_.admit(0, kAlice, kNow), Admission::closed);
  EXPECT_EQ(limits_.refusals(), kRefusalsMax);
}

// Two connections a minute, but for clients of relay_networks.
std::vector<ListenerSettings> slow_listener() {
  ListenerSettings slow;
  slow.address.push_back(*Endpoint::parse("192.0.2.9:25"));
  slow.relay_networks.emplace();
  slow.relay_networks->push_back(*IpNetwork::parse("2001:db8::/32"));
  slow.connection_rate_per_address =
      Rate{.amount = 2, .period = std::chrono::minutes(1), .max_burst = {}};
  return {slow};
}

TEST(ConnectionRate, IsKeptForEachAddress) {
  ConnectionLimits limits(slow_listener());
  EXPECT_EQ(limits.admit(0, kAlice, kNow), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kAlice, kNow), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kAlice, kNow), Admission::too_often);
  EXPECT_EQ(limits.admit(0, *IpAddress::parse("192.0.2.2"), kNow), Admission::welcome);
  EXPECT_EQ(limits.admit(0, kAlice, kNow + std::chrono::seconds(30)), Admission::welcome);
}

TEST(ConnectionRate, IsNotForClientsOfRelayNetworks) {
  ConnectionLimits limits(slow_listener());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(limits.admit(0, kBob, kNow), Admission::welcome);
}

TEST(ConnectionLimits, TakeNewNumbersAndKeepWhatIsOpen) {
  auto settings = slow_listener();
  ConnectionLimits limits(settings);
  EXPECT_EQ(limits.admit(0, kBob, kNow), Admission::welcome);
  settings[0].connections_per_address = 1;
  limits.set(settings);
  EXPECT_EQ(limits.admit(0, kBob, kNow), Admission::too_many_from_address);
  EXPECT_EQ(limits.open_connections(0), 1U);
}

// A proxy is an address that has no limit of its own; the listener's holds for it.
TEST_F(ConnectionLimitsTest, AProxysConnectionsCountForTheListener) {
  EXPECT_EQ(limits_.admit_proxy(0), Admission::welcome);
  EXPECT_EQ(limits_.admit_proxy(0), Admission::welcome);
  EXPECT_EQ(limits_.admit_proxy(0), Admission::welcome);
  EXPECT_EQ(limits_.admit_proxy(0), Admission::too_many_connections);
  limits_.release(0, std::nullopt, Admission::welcome);
  limits_.release(0, std::nullopt, Admission::too_many_connections);
  EXPECT_EQ(limits_.open_connections(0), 2U);
  EXPECT_EQ(limits_.refusals(), 0U);
}

TEST_F(ConnectionLimitsTest, AnAnnouncedClientCountsAsIfItHadConnected) {
  EXPECT_EQ(limits_.admit_proxy(0), Admission::welcome);
  EXPECT_EQ(limits_.announce(0, kAlice, kNow), Admission::welcome);
  EXPECT_EQ(limits_.admit(0, kAlice, kNow), Admission::welcome);
  EXPECT_EQ(limits_.admit_proxy(0), Admission::welcome);
  EXPECT_EQ(limits_.announce(0, kAlice, kNow), Admission::too_many_from_address);
  EXPECT_EQ(limits_.open_connections(0), 2U);
  limits_.release(0, kAlice, Admission::too_many_from_address);
  limits_.release(0, kAlice, Admission::welcome);
  EXPECT_EQ(limits_.admit(0, kAlice, kNow), Admission::welcome);
}

}  // namespace
}  // namespace sluice::relay
