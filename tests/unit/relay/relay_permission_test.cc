#include "relay/relay_permission.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

// relay_networks: "" is unset, "-" is an empty list.
struct PermissionCase {
  const char* name;
  std::vector<const char*> addresses;
  std::vector<const char*> networks;
  const char* client;
  bool is_allowed;
};

ListenerSettings listener(const PermissionCase& row) {
  ListenerSettings settings;
  for (const char* address : row.addresses) {
    settings.address.push_back(*Endpoint::parse(address));
  }
  if (row.networks.empty()) return settings;
  settings.relay_networks.emplace();
  for (const std::string_view network : row.networks) {
    if (network != "-") settings.relay_networks->push_back(*IpNetwork::parse(network));
  }
  return settings;
}

class RelayPermissionTable : public testing::TestWithParam<PermissionCase> {};

TEST_P(RelayPermissionTable, Holds) {
  const RelayPermission permission(listener(GetParam()));
  EXPECT_EQ(permission.allows(*IpAddress::parse(GetParam().client)), GetParam().is_allowed);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, RelayPermissionTable,
    testing::Values(
        PermissionCase{"loopback_by_default", {"127.0.0.1:25"}, {}, "127.0.0.1", true},
        PermissionCase{"all_of_127", {"127.0.0.1:25"}, {}, "127.8.9.10", true},
        PermissionCase{"loopback_6_by_default", {"[::1]:25"}, {}, "::1", true},
        PermissionCase{"both_loopbacks", {"127.0.0.1:25", "[::1]:25"}, {}, "::1", true},
        PermissionCase{"stranger_at_loopback", {"127.0.0.1:25"}, {}, "192.0.2.1", false},
        PermissionCase{
            "one_open_address", {"127.0.0.1:25", "192.0.2.9:25"}, {}, "127.0.0.1", false},
        PermissionCase{"any_address", {"0.0.0.0:25"}, {}, "127.0.0.1", false},
        PermissionCase{"any_address_6", {"[::]:25"}, {}, "::1", false},
        PermissionCase{"listed", {"0.0.0.0:25"}, {"10.0.0.0/8"}, "10.1.2.3", true},
        PermissionCase{
            "listed_second", {"0.0.0.0:25"}, {"10.0.0.0/8", "192.0.2.1"}, "192.0.2.1", true},
        PermissionCase{"not_listed", {"0.0.0.0:25"}, {"10.0.0.0/8"}, "11.0.0.1", false},
        PermissionCase{
            "list_replaces_loopback", {"127.0.0.1:25"}, {"10.0.0.0/8"}, "127.0.0.1", false},
        PermissionCase{"empty_list_is_nobody", {"127.0.0.1:25"}, {"-"}, "127.0.0.1", false},
        PermissionCase{"listed_6", {"[::]:25"}, {"2001:db8::/32"}, "2001:db8::7", true},
        PermissionCase{"other_family", {"[::]:25"}, {"2001:db8::/32"}, "32.1.13.184", false}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace sluice::relay
