#include "relay/dispatch_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

constexpr std::size_t kShards = 2;

RouteSettings route_to(std::string domain, std::uint16_t port) {
  return {.domains = {std::move(domain)},
          .smart_hosts = {{.host = "127.0.0.1", .port = port}},
          .connections = {}};
}

RelayConfig config_with(std::vector<RouteSettings> routes) {
  RelayConfig config;
  config.hostname = "relay.example";
  config.retries.push_back(RetrySettings());
  config.routes = std::move(routes);
  return config;
}

void log_in(RouteSettings& route, const std::string& password) {
  route.username = "relay";
  route.password = SecretSetting{.source = SecretSetting::Source::environment,
                                 .name = "RELAY_PASSWORD",
                                 .value = Secret(password)};
}

class DispatchPlans : public testing::Test {
 protected:
  static std::shared_ptr<const RelayConfig> shared(RelayConfig config) {
    return std::make_shared<const RelayConfig>(std::move(config));
  }
  void reload(RelayConfig config) {
    auto next = DispatchPlan::next(*plan_, shared(std::move(config)), kShards);
    ASSERT_TRUE(next) << next.error().sentence();
    plan_ = *std::move(next);
  }

  RelayConfig first_ = config_with({route_to("example.net", 1), route_to("example.org", 2)});
  std::shared_ptr<const DispatchPlan> plan_ = DispatchPlan::make(shared(first_), kShards).value();
  std::size_t net_ = plan_->site_of({.domain = "example.net"});
  std::size_t org_ = plan_->site_of({.domain = "example.org"});
};

TEST_F(DispatchPlans, GiveEachRouteASiteAndTheRestNone) {
  EXPECT_NE(net_, org_);
  EXPECT_NE(net_, kUnroutedSite);
  EXPECT_EQ(plan_->site_of({.domain = "example.com"}), kUnroutedSite);
  EXPECT_EQ(plan_->sites().size(), 3U);
  EXPECT_TRUE(plan_->is_used(kUnroutedSite));
}

TEST_F(DispatchPlans, KeepTheSiteOfARouteThatStays) {
  RelayConfig next = first_;
  next.routes[1].smart_hosts[0].port = 3;
  std::swap(next.routes[0], next.routes[1]);
  reload(next);
  EXPECT_EQ(plan_->site_of({.domain = "example.net"}), net_);
  EXPECT_EQ(plan_->site_of({.domain = "example.org"}), 3U);
  EXPECT_FALSE(plan_->is_used(org_));
  EXPECT_EQ(plan_->sites().size(), 4U);
  // The site that is no longer used ends under its own configuration.
  EXPECT_EQ(plan_->sites()[org_].config->routes[1].smart_hosts[0].port, 2);
}

TEST_F(DispatchPlans, LeaveMailWithoutARouteUnrouted) {
  reload(config_with({first_.routes[0]}));
  EXPECT_EQ(plan_->site_of({.domain = "example.org"}), kUnroutedSite);
  EXPECT_FALSE(plan_->is_used(org_));
  EXPECT_TRUE(plan_->is_used(net_));
}

TEST_F(DispatchPlans, MakeNewSitesWhereWhatTheyAreMadeFromChanges) {
  const auto changed = [this](const std::function<void(RelayConfig&)>& change) {
    RelayConfig next = first_;
    change(next);
    return (*DispatchPlan::next(*plan_, shared(next), kShards))
               ->site_of({.domain = "example.net"}) != net_;
  };
  EXPECT_FALSE(changed([](RelayConfig&) {}));
  EXPECT_FALSE(changed([](RelayConfig& config) { config.limits.memory = gibibytes(2); }));
  EXPECT_TRUE(changed([](RelayConfig& config) { config.hostname = "other.example"; }));
  EXPECT_TRUE(changed([](RelayConfig& config) { ++config.delivery.connections; }));
  EXPECT_TRUE(changed([](RelayConfig& config) { config.routes[0].connections = 7; }));
  EXPECT_TRUE(changed([](RelayConfig& config) { config.retries.pop_back(); }));
  EXPECT_TRUE(changed([](RelayConfig& config) { config.routes[0].tls = TransportTls::none; }));
  EXPECT_TRUE(changed([](RelayConfig& config) { log_in(config.routes[0], "secret"); }));
}

TEST_F(DispatchPlans, SecureEachRouteAsItSays) {
  RelayConfig next = first_;
  log_in(next.routes[0], "secret");
  next.routes[0].tls = TransportTls::required;
  next.routes[1].tls = TransportTls::none;
  reload(next);
  const auto& net = *plan_->sites()[plan_->site_of({.domain = "example.net"})].security;
  EXPECT_EQ(net.tls, TransportTls::required);
  EXPECT_EQ(net.context->verification(), tls::Verification::none);
  ASSERT_TRUE(net.login.has_value());
  EXPECT_EQ(net.login->user, "relay");
  const auto& org = *plan_->sites()[plan_->site_of({.domain = "example.org"})].security;
  EXPECT_EQ(org.context, nullptr);
  EXPECT_FALSE(org.login.has_value());
  // Another password makes another site, though everything that is shown of it is the same.
  const std::size_t before = plan_->site_of({.domain = "example.net"});
  log_in(next.routes[0], "changed");
  reload(next);
  EXPECT_NE(plan_->site_of({.domain = "example.net"}), before);
}

TEST_F(DispatchPlans, CannotBeMadeWithoutTheAuthoritiesThatARouteNeeds) {
  RelayConfig next = first_;
  next.tls.ca = "/does/not/exist.pem";
  EXPECT_TRUE(DispatchPlan::next(*plan_, shared(next), kShards));
  next.routes[0].tls = TransportTls::verified;
  const auto plan = DispatchPlan::next(*plan_, shared(next), kShards);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().sentence(), testing::StartsWith("tls.ca: /does/not/exist.pem: "));
}

TEST_F(DispatchPlans, AreBoundedInTheSitesOfAProcess) {
  std::uint16_t port = 10;
  while (plan_->sites().size() < kSitesMax) reload(config_with({route_to("example.net", ++port)}));
  const auto known = plan_;
  const auto refused =
      DispatchPlan::next(*plan_, shared(config_with({route_to("example.net", ++port)})), kShards);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::limit_exceeded);
  EXPECT_THAT(refused.error().sentence(), testing::HasSubstr("restart the relay"));
  EXPECT_TRUE(DispatchPlan::next(*plan_, shared(plan_->config()), kShards));
}

}  // namespace
}  // namespace sluice::relay
