// The command line over a file: what it replaces, what it leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "relay/config.h"
#include "tests/unit/core/temporary_directory.h"

namespace sluice::relay {
namespace {

using testing::ElementsAre;

class ConfigCommandLine : public testing::Test {
 protected:
  ConfigCommandLine() {
    settings_.config_file = directory_.file("sluice.toml");
    settings_.hostname = "relay.example";
  }

  std::shared_ptr<const RelayConfig> load(const std::string& text) {
    std::ofstream(settings_.config_file) << text;
    auto config = load_config(settings_);
    if (config) return *config;
    ADD_FAILURE() << config.error().sentence();
    return std::make_shared<RelayConfig>();
  }

  TemporaryDirectory directory_;
  CommandLineSettings settings_;
};

constexpr const char* kFile = R"(
  hostname = "file.example"
  shards = 2
  [[listener]]
  address = "127.0.0.1:25"
  [[route]]
  domains = ["*", "both.example"]
  smart_hosts = ["192.0.2.1:25"]
  [[route]]
  domains = ["one.example"]
  smart_hosts = ["192.0.2.2:25"]
)";

TEST_F(ConfigCommandLine, PutsItsValuesOverThoseOfTheFile) {
  settings_.shards = 3;
  const auto config = load(kFile);
  EXPECT_EQ(config->hostname, "relay.example");
  EXPECT_EQ(config->shards, 3U);
  EXPECT_EQ(config->listeners.at(0).address.at(0).to_string(), "127.0.0.1:25");
}

TEST_F(ConfigCommandLine, ListenReplacesTheListenersOfTheFile) {
  settings_.listen = {"127.0.0.1:2525"};
  const auto config = load(kFile);
  ASSERT_EQ(config->listeners.size(), 1U);
  EXPECT_EQ(config->listeners[0].address.at(0).to_string(), "127.0.0.1:2525");
}

TEST_F(ConfigCommandLine, SmartHostTakesOnlyTheStarFromTheRoutesOfTheFile) {
  settings_.smart_hosts = {"192.0.2.8:25", "192.0.2.9:25"};
  const auto config = load(kFile);
  ASSERT_EQ(config->routes.size(), 3U);
  EXPECT_THAT(config->routes[0].domains, ElementsAre("both.example"));
  EXPECT_THAT(config->routes[1].domains, ElementsAre("one.example"));
  EXPECT_THAT(config->routes[2].domains, ElementsAre("*"));
  EXPECT_EQ(config->routes[2].smart_hosts.size(), 2U);
}

TEST_F(ConfigCommandLine, SmartHostReplacesARouteThatIsOnlyTheStar) {
  settings_.smart_hosts = {"192.0.2.8:25"};
  const auto config =
      load("[[listener]]\naddress = \"127.0.0.1:25\"\n[[route]]\nsmart_hosts = \"192.0.2.1:25\"\n");
  ASSERT_EQ(config->routes.size(), 1U);
  EXPECT_EQ(config->routes[0].smart_hosts.at(0).host, "192.0.2.8");
}

}  // namespace
}  // namespace sluice::relay
