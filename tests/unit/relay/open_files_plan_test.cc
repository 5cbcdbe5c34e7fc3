#include "relay/open_files_plan.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

ListenerSettings listener(std::uint32_t connections) {
  ListenerSettings settings;
  settings.address.push_back(*Endpoint::parse("127.0.0.1:25"));
  settings.connections = connections;
  return settings;
}

constexpr std::uint32_t kDefault = 20000;

RelayConfig config(std::vector<ListenerSettings> listeners) {
  RelayConfig config;
  config.listeners = std::move(listeners);
  config.routes.emplace_back();  // 20 connections
  return config;
}

TEST(OpenFilesPlan, NeedsOneFilePerConnectionInAndOut) {
  RelayConfig small = config({listener(100)});
  const std::uint64_t needed = open_files_needed(small);
  small.listeners[0].connections += 7;
  small.routes[0].connections = 30;
  EXPECT_EQ(open_files_needed(small), needed + 7 + 10);
}

TEST(OpenFilesPlan, NeedsNoMoreForRoutesThanTheyMayHaveInAll) {
  RelayConfig wide = config({listener(100)});
  const std::uint64_t needed = open_files_needed(wide);
  wide.limits.outgoing_connections = 5;
  EXPECT_EQ(open_files_needed(wide), needed - 15);
}

TEST(OpenFilesPlan, LeavesWhatFits) {
  const RelayConfig fits = config({listener(kDefault)});
  const auto planned = fit_into_open_files(fits, open_files_needed(fits));
  ASSERT_TRUE(planned.has_value());
  EXPECT_EQ(planned->listeners[0].connections, kDefault);
}

TEST(OpenFilesPlan, LowersDefaultsToWhatIsLeft) {
  const RelayConfig wide = config({listener(kDefault), listener(3000)});
  const auto planned = fit_into_open_files(wide, open_files_needed(wide) - 5000);
  ASSERT_TRUE(planned.has_value());
  EXPECT_EQ(planned->listeners[0].connections, kDefault - 5000);
  EXPECT_EQ(planned->listeners[1].connections, 3000U);
}

TEST(OpenFilesPlan, NeverLowersWhatWasSet) {
  const RelayConfig set = config({listener(3000)});
  EXPECT_FALSE(fit_into_open_files(set, open_files_needed(set) - 1).has_value());
}

TEST(OpenFilesPlan, LowersADefaultToTheLeastAndNoFurther) {
  const RelayConfig wide = config({listener(kDefault)});
  const std::uint64_t least = open_files_needed(wide) - kDefault + kListenerConnectionsMin;
  EXPECT_TRUE(fit_into_open_files(wide, least).has_value());
  EXPECT_FALSE(fit_into_open_files(wide, least - 1).has_value());
}

}  // namespace
}  // namespace sluice::relay
