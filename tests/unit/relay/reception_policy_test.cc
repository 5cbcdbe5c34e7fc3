#include "relay/reception_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

TEST(ReceptionPolicy, MakesTheSettingsOfEachListener) {
  RelayConfig config;
  config.hostname = "relay.example";
  config.limits.message_size = ByteCount(1'234'567);
  config.limits.recipients_per_message = 77;
  config.limits.received_headers = 7;
  config.listeners.resize(2);
  for (ListenerSettings& listener : config.listeners) {
    listener.address.push_back(*Endpoint::parse("127.0.0.1:25"));
  }
  config.listeners[1].errors_per_session = 3;
  config.listeners[1].bare_newlines = BareNewlines::normalise;
  TenantRegistry tenants;
  const auto policy =
      ReceptionPolicy::make(std::make_shared<const RelayConfig>(config), tenants, nullptr);
  ASSERT_TRUE(policy.has_value());
  const smtp::ServerSettings& settings = (*policy)->listener(1).settings;
  EXPECT_EQ(settings.hostname, "relay.example");
  EXPECT_EQ(settings.message_bytes_max, 1'234'567u);
  EXPECT_EQ(settings.recipients_max, 77u);
  EXPECT_EQ(settings.received_headers_max, 7u);
  EXPECT_EQ(settings.errors_max, 3u);
  EXPECT_TRUE(settings.normalises_newlines);
  EXPECT_FALSE((*policy)->listener(0).settings.normalises_newlines);
}

TEST(ReceptionPolicy, KnowsTheTenantsOfTheConfiguration) {
  RelayConfig config;
  config.tenants.push_back({.name = "acme"});
  TenantRegistry tenants;
  tenants.tenant("gone").set_configured(true);
  const auto policy =
      ReceptionPolicy::make(std::make_shared<const RelayConfig>(config), tenants, nullptr);
  ASSERT_TRUE(policy.has_value());
  ASSERT_NE((*policy)->tenant("acme"), nullptr);
  EXPECT_EQ((*policy)->tenant("acme")->state, tenants.find("acme"));
  EXPECT_EQ((*policy)->tenant("gone"), nullptr);
  (*policy)->tell_tenants(tenants);
  EXPECT_TRUE(tenants.find("acme")->is_configured());
  EXPECT_FALSE(tenants.find("gone")->is_configured());
}

TEST(ReceptionPolicy, NamesTheCertificateThatCannotBeRead) {
  RelayConfig config;
  config.tls.certificates.push_back(
      {.certificate = "/nowhere/cert.pem", .key = "/nowhere/key.pem"});
  TenantRegistry tenants;
  const auto policy =
      ReceptionPolicy::make(std::make_shared<const RelayConfig>(config), tenants, nullptr);
  ASSERT_FALSE(policy.has_value());
  EXPECT_THAT(policy.error().sentence(), testing::AllOf(testing::HasSubstr("tls.certificates[0]"),
                                                        testing::HasSubstr("/nowhere/cert.pem")));
}

}  // namespace
}  // namespace sluice::relay
