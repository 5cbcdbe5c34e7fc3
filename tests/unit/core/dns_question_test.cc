#include "core/dns_question.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

struct NameCase {
  const char* name;
  std::string text;
  const char* normal;  // null: must be refused
};

std::string name_of_row(const testing::TestParamInfo<NameCase>& row) { return row.param.name; }

class DnsName : public testing::TestWithParam<NameCase> {};
TEST_P(DnsName, IsMadeNormalOrRefused) {
  const auto normal = normal_dns_name(GetParam().text);
  ASSERT_EQ(normal.has_value(), GetParam().normal != nullptr);
  if (normal) EXPECT_EQ(*normal, GetParam().normal);
}

const std::string kLabel63(63, 'a');
const std::string kLabel63Test = kLabel63 + ".test";
const std::string kName253 =
    kLabel63 + "." + kLabel63 + "." + kLabel63 + "." + std::string(61, 'b');

INSTANTIATE_TEST_SUITE_P(
    Names, DnsName,
    testing::Values(NameCase{"lower_case", "MX1.Example.NET", "mx1.example.net"},
                    NameCase{"last_dot", "a.test.", "a.test"},
                    NameCase{"underscore", "_25._tcp.mx.test", "_25._tcp.mx.test"},
                    NameCase{"single", "localhost", "localhost"}, NameCase{"empty", "", nullptr},
                    NameCase{"root", ".", nullptr}, NameCase{"two_dots", "a..test", nullptr},
                    NameCase{"first_dot", ".test", nullptr}, NameCase{"space", "a b.test", nullptr},
                    NameCase{"backslash", "a\\.test", nullptr},
                    NameCase{"zero", std::string("a\0.test", 7), nullptr},
                    NameCase{"utf8", "m\xC3\xBCller.test", nullptr},
                    NameCase{"label_of_63", kLabel63 + ".test", kLabel63Test.c_str()},
                    NameCase{"label_of_64", kLabel63 + "a.test", nullptr},
                    NameCase{"name_of_253", kName253, kName253.c_str()},
                    NameCase{"name_of_254", kName253 + "b", nullptr}),
    name_of_row);

TEST(DnsQuery, AsksForOneNameWithEdnsAndTheAuthenticBit) {
  const auto query = encode_dns_query({.name = "a.test", .type = DnsType::mx}, 0x1234);
  const std::vector<std::uint8_t> expected{
      0x12, 0x34, 0x01, 0x20, 0,    1,   0,   0, 0, 0,  0, 1,  // header
      1,    'a',  4,    't',  'e',  's', 't', 0, 0, 15, 0, 1,  // the question
      0,    0,    41,   0x04, 0xD0, 0,   0,   0, 0, 0,  0};    // EDNS: 1232 bytes
  EXPECT_EQ(query, expected);
}

TEST(DnsQuery, HasTheReverseNameOfAnAddress) {
  EXPECT_EQ(reverse_dns_name(*IpAddress::parse("192.0.2.1")), "1.2.0.192.in-addr.arpa");
  EXPECT_EQ(reverse_dns_name(*IpAddress::parse("2001:db8::1")),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

}  // namespace
}  // namespace sluice
