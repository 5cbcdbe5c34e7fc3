#include "core/ip_address.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

namespace sluice {
namespace {

struct TextCase {
  const char* name;
  const char* text;
  const char* printed;  // null: must be refused
};

std::string name_of_row(const testing::TestParamInfo<TextCase>& row) { return row.param.name; }

template <class Parsed>
void expect_parse(const Parsed& parsed, const TextCase& row) {
  if (row.printed == nullptr) {
    ASSERT_FALSE(parsed) << row.text << " was taken for " << parsed->to_string();
    EXPECT_EQ(parsed.error().code(), ErrorCode::syntax);
    return;
  }
  ASSERT_TRUE(parsed) << parsed.error().sentence();
  EXPECT_EQ(parsed->to_string(), row.printed);
}

class AddressText : public testing::TestWithParam<TextCase> {};
TEST_P(AddressText, IsParsedStrictly) {
  expect_parse(IpAddress::parse(GetParam().text), GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Texts, AddressText,
    testing::Values(
        TextCase{"v4", "192.0.2.1", "192.0.2.1"}, TextCase{"zero", "0.0.0.0", "0.0.0.0"},
        TextCase{"highest", "255.255.255.255", "255.255.255.255"},
        TextCase{"past_highest", "255.255.255.256", nullptr},
        TextCase{"leading_zero", "192.0.2.01", nullptr},
        TextCase{"three_parts", "192.0.2", nullptr}, TextCase{"five_parts", "192.0.2.1.1", nullptr},
        TextCase{"space", " 192.0.2.1", nullptr}, TextCase{"hex", "0xc0.0.2.1", nullptr},
        TextCase{"empty", "", nullptr}, TextCase{"name", "localhost", nullptr},
        TextCase{"v6", "2001:DB8::1", "2001:db8::1"}, TextCase{"any_v6", "::", "::"},
        TextCase{"full_v6", "2001:db8:0:0:0:0:0:1", "2001:db8::1"},
        TextCase{"mapped", "::ffff:192.0.2.1", "192.0.2.1"},
        TextCase{"two_gaps", "2001::db8::1", nullptr}, TextCase{"zone", "fe80::1%eth0", nullptr},
        TextCase{"brackets", "[::1]", nullptr},
        TextCase{"too_long", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
                 nullptr}),
    name_of_row);

struct PublicCase {
  const char* text;
  bool is_public;
};

class PublicAddress : public testing::TestWithParam<PublicCase> {};
TEST_P(PublicAddress, IsOneThatAHostOfTheInternetMayHave) {
  EXPECT_EQ(IpAddress::parse(GetParam().text)->is_public(), GetParam().is_public);
}

INSTANTIATE_TEST_SUITE_P(
    Addresses, PublicAddress,
    testing::Values(PublicCase{"8.8.8.8", true}, PublicCase{"0.1.2.3", false},
                    PublicCase{"9.255.255.255", true}, PublicCase{"10.0.0.0", false},
                    PublicCase{"10.255.255.255", false}, PublicCase{"11.0.0.0", true},
                    PublicCase{"100.63.255.255", true}, PublicCase{"100.64.0.1", false},
                    PublicCase{"100.127.255.255", false}, PublicCase{"100.128.0.0", true},
                    PublicCase{"127.0.0.1", false}, PublicCase{"169.254.169.254", false},
                    PublicCase{"172.15.255.255", true}, PublicCase{"172.16.0.1", false},
                    PublicCase{"172.31.255.255", false}, PublicCase{"172.32.0.0", true},
                    PublicCase{"192.0.2.1", false}, PublicCase{"192.168.1.1", false},
                    PublicCase{"198.18.0.1", false}, PublicCase{"198.51.100.7", false},
                    PublicCase{"203.0.113.9", false}, PublicCase{"223.255.255.255", true},
                    PublicCase{"224.0.0.1", false}, PublicCase{"255.255.255.255", false},
                    PublicCase{"::", false}, PublicCase{"::1", false}, PublicCase{"2600::1", true},
                    PublicCase{"2001:db8::1", false}, PublicCase{"3fff:fff::1", false},
                    PublicCase{"fc00::1", false}, PublicCase{"fe80::1", false},
                    PublicCase{"ff02::1", false}, PublicCase{"64:ff9b::808:808", true},
                    PublicCase{"64:ff9b::a00:1", false}, PublicCase{"2002:808:808::1", true},
                    PublicCase{"2002:7f00:1::1", false}, PublicCase{"::ffff:10.0.0.1", false}));

class EndpointText : public testing::TestWithParam<TextCase> {};
TEST_P(EndpointText, IsParsedStrictly) {
  expect_parse(Endpoint::parse(GetParam().text), GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Texts, EndpointText,
    testing::Values(TextCase{"v4", "192.0.2.1:25", "192.0.2.1:25"},
                    TextCase{"v6", "[2001:db8::1]:587", "[2001:db8::1]:587"},
                    TextCase{"port_zero", "127.0.0.1:0", "127.0.0.1:0"},
                    TextCase{"highest_port", "127.0.0.1:65535", "127.0.0.1:65535"},
                    TextCase{"past_highest", "127.0.0.1:65536", nullptr},
                    TextCase{"long_port", "127.0.0.1:000025", nullptr},
                    TextCase{"no_port", "127.0.0.1", nullptr},
                    TextCase{"empty_port", "127.0.0.1:", nullptr},
                    TextCase{"signed_port", "127.0.0.1:+25", nullptr},
                    TextCase{"v6_without_brackets", "2001:db8::1:25", nullptr},
                    TextCase{"v4_in_brackets", "[127.0.0.1]:25", nullptr},
                    TextCase{"open_bracket", "[::1:25", nullptr}, TextCase{"empty", "", nullptr}),
    name_of_row);

class NetworkText : public testing::TestWithParam<TextCase> {};
TEST_P(NetworkText, IsParsedStrictly) {
  expect_parse(IpNetwork::parse(GetParam().text), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Texts, NetworkText,
                         testing::Values(TextCase{"v4", "192.0.2.0/24", "192.0.2.0/24"},
                                         TextCase{"all_v4", "0.0.0.0/0", "0.0.0.0/0"},
                                         TextCase{"one", "192.0.2.1/32", "192.0.2.1/32"},
                                         TextCase{"bare", "192.0.2.1", "192.0.2.1/32"},
                                         TextCase{"past_v4", "192.0.2.1/33", nullptr},
                                         TextCase{"bits_behind", "10.0.0.1/8", nullptr},
                                         TextCase{"last_bit", "192.0.2.1/31", nullptr},
                                         TextCase{"v6", "2001:db8::/32", "2001:db8::/32"},
                                         TextCase{"bare_v6", "::1", "::1/128"},
                                         TextCase{"all_v6", "::/0", "::/0"},
                                         TextCase{"past_v6", "::/129", nullptr},
                                         TextCase{"bits_behind_v6", "2001:db8::1/64", nullptr},
                                         TextCase{"empty_prefix", "10.0.0.0/", nullptr},
                                         TextCase{"signed_prefix", "10.0.0.0/-1", nullptr},
                                         TextCase{"two_slashes", "10.0.0.0/8/8", nullptr}),
                         name_of_row);

struct ContainsCase {
  const char* name;
  const char* network;
  const char* address;
  bool is_inside;
};

class NetworkContains : public testing::TestWithParam<ContainsCase> {};

TEST_P(NetworkContains, HoldsItsAddressesOnly) {
  const auto network = IpNetwork::parse(GetParam().network);
  const auto address = IpAddress::parse(GetParam().address);
  ASSERT_TRUE(network);
  ASSERT_TRUE(address);
  EXPECT_EQ(network->contains(*address), GetParam().is_inside);
}

INSTANTIATE_TEST_SUITE_P(
    Networks, NetworkContains,
    testing::Values(ContainsCase{"first", "192.0.2.0/24", "192.0.2.0", true},
                    ContainsCase{"last", "192.0.2.0/24", "192.0.2.255", true},
                    ContainsCase{"one_past", "192.0.2.0/24", "192.0.3.0", false},
                    ContainsCase{"one_before", "192.0.2.0/24", "192.0.1.255", false},
                    ContainsCase{"odd_prefix", "10.32.0.0/11", "10.63.255.255", true},
                    ContainsCase{"past_odd_prefix", "10.32.0.0/11", "10.64.0.0", false},
                    ContainsCase{"single", "127.0.0.1", "127.0.0.2", false},
                    ContainsCase{"all_v4", "0.0.0.0/0", "203.0.113.9", true},
                    ContainsCase{"v6", "2001:db8::/32", "2001:db8:ffff::1", true},
                    ContainsCase{"outside_v6", "2001:db8::/32", "2001:db9::", false},
                    ContainsCase{"v4_is_no_v6", "::/0", "192.0.2.1", false},
                    ContainsCase{"v6_is_no_v4", "0.0.0.0/0", "2001:db8::1", false},
                    ContainsCase{"mapped_is_v4", "192.0.2.0/24", "::ffff:192.0.2.7", true}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(IpAddress, KnowsLoopback) {
  EXPECT_TRUE(IpAddress::parse("127.0.0.1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("127.255.255.255")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("128.0.0.1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("::2")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("2001:db8::1")->is_loopback());
}

TEST(Endpoint, SurvivesTheKernelsForm) {
  for (const char* const text : {"192.0.2.1:25", "[2001:db8::1]:65535"}) {
    const Endpoint endpoint = *Endpoint::parse(text);
    sockaddr_storage storage{};
    EXPECT_GT(endpoint.to_sockaddr(storage), 0u);
    const auto back = Endpoint::from_sockaddr(storage);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, endpoint);
  }
  sockaddr_storage unknown{};
  EXPECT_FALSE(Endpoint::from_sockaddr(unknown));
}

}  // namespace
}  // namespace sluice
