#include "relay/config_advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

RelayConfig config_with_listener() {
  RelayConfig config;
  config.listeners.emplace_back();
  return config;
}

std::vector<std::string> warnings_for(const RelayConfig& config) {
  const ConfigAdvice advice = advise(config, WallTime(0));
  EXPECT_THAT(advice.problems, IsEmpty());
  return advice.warnings;
}

struct NetworksCase {
  const char* name;
  std::vector<const char*> networks;
  bool is_open;
};

class RelayNetworks : public testing::TestWithParam<NetworksCase> {};

TEST_P(RelayNetworks, AreWarnedOfWhenTheyHoldStrangers) {
  RelayConfig config = config_with_listener();
  auto& networks = config.listeners[0].relay_networks.emplace();
  for (const char* network : GetParam().networks) networks.push_back(*IpNetwork::parse(network));
  const auto warnings = warnings_for(config);
  EXPECT_EQ(!warnings.empty(), GetParam().is_open);
  for (const std::string& warning : warnings) {
    EXPECT_THAT(warning, HasSubstr("listener[0].relay_networks"));
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, RelayNetworks,
                         testing::Values(NetworksCase{"Nobody", {}, false},
                                         NetworksCase{"Private", {"10.0.0.0/8", "fc00::/7"}, false},
                                         NetworksCase{"APublicOne", {"8.8.8.0/24"}, false},
                                         NetworksCase{"All", {"0.0.0.0/0"}, true},
                                         NetworksCase{"AllOfIpv6", {"::/0"}, true},
                                         NetworksCase{"GlobalIpv6", {"2000::/3"}, true},
                                         NetworksCase{"Half", {"0.0.0.0/1"}, true},
                                         NetworksCase{"OtherHalf", {"128.0.0.0/1"}, true}),
                         [](const auto& row) { return row.param.name; });

TEST(Users, AreWarnedOfWhenTheirTenantIsNotThere) {
  RelayConfig config = config_with_listener();
  config.tenants.resize(1);
  config.tenants[0].name = "acme";
  config.users.resize(3);
  config.users[0].tenant = "acme";
  config.users[2].name = "apikey";
  config.users[2].tenant = "amce";
  EXPECT_THAT(warnings_for(config),
              ElementsAre(AllOf(HasSubstr("user[2].tenant"), HasSubstr("\"amce\""))));
}

TEST(Certificates, ThatCannotBeReadAreProblems) {
  RelayConfig config = config_with_listener();
  config.tls.certificates.push_back(
      {.certificate = "/missing/cert.pem", .key = "/missing/key.pem"});
  EXPECT_THAT(advise(config, WallTime(0)).problems,
              ElementsAre(AllOf(HasSubstr("tls.certificates[0]"), HasSubstr("/missing/cert.pem"))));
}

TEST(ConfigAdvice, FindsThatTheAuthoritiesCannotBeRead) {
  RelayConfig config = config_with_listener();
  config.tls.ca = "/does/not/exist.pem";
  config.routes.push_back(
      {.smart_hosts = {{.host = "relay.example", .port = 465}}, .connections = {}});
  EXPECT_THAT(advise(config, WallTime(0)).problems, IsEmpty());
  config.routes[0].tls = TransportTls::implicit;
  EXPECT_THAT(advise(config, WallTime(0)).problems,
              ElementsAre(HasSubstr("tls.ca: /does/not/exist.pem: ")));
}

}  // namespace
}  // namespace sluice::relay
