#include "tls/client_hello.h"

#include <gmock/gmock.h>

#include "tests/unit/tls/hello_builder.h"

namespace sluice::tls {
namespace {

using testing::HasSubstr;

std::string versions(const std::vector<std::uint16_t>& list) {
  return extension(43, vector_of(numbers(list), 1));
}
std::string schemes(const std::vector<std::uint16_t>& list) {
  return extension(13, vector_of(numbers(list), 2));
}
std::string groups(const std::vector<std::uint16_t>& list) {
  return extension(10, vector_of(numbers(list), 2));
}

struct NameCase {
  const char* name;
  std::string extensions;
  std::string server_name;
};

class ServerName : public testing::TestWithParam<NameCase> {};

TEST_P(ServerName, IsAHostNameOrNone) {
  const std::string body = hello_body({.extensions = GetParam().extensions});
  const auto hello = parse_client_hello(body);
  ASSERT_TRUE(hello) << hello.error().sentence();
  EXPECT_EQ(hello->server_name, GetParam().server_name);
}

INSTANTIATE_TEST_SUITE_P(
    ClientHello, ServerName,
    testing::Values(
        NameCase{"none", "", ""}, NameCase{"other_extension", extension(0xff01, "\0"), ""},
        NameCase{"usual", server_name_extension("mail.example.com"), "mail.example.com"},
        NameCase{"upper_case", server_name_extension("Mail.EXAMPLE.com"), "mail.example.com"},
        NameCase{"root_dot", server_name_extension("mail.example.com."), "mail.example.com"},
        NameCase{"longest", server_name_extension(std::string(255, 'a')), std::string(255, 'a')},
        NameCase{"too_long", server_name_extension(std::string(256, 'a')), ""},
        NameCase{"line_end", server_name_extension("a\r\nX-Header: b"), ""},
        NameCase{"empty", server_name_extension(""), ""},
        NameCase{"other_type",
                 extension(0, vector_of(big_endian(9, 1) + vector_of("x", 2) + big_endian(0, 1) +
                                            vector_of("a.example", 2),
                                        2)),
                 "a.example"}),
    [](const auto& each) { return each.param.name; });

struct MalformedCase {
  const char* name;
  std::string body;
};

class Malformed : public testing::TestWithParam<MalformedCase> {};

TEST_P(Malformed, IsRefused) {
  const auto hello = parse_client_hello(GetParam().body);
  ASSERT_FALSE(hello);
  EXPECT_EQ(hello.error().code(), ErrorCode::syntax);
}

INSTANTIATE_TEST_SUITE_P(
    ClientHello, Malformed,
    testing::Values(
        MalformedCase{"empty", ""}, MalformedCase{"random_only", std::string(34, 'r')},
        MalformedCase{"no_suites", hello_body({.suites = {}, .extensions = ""})},
        MalformedCase{"odd_suites", std::string(34, 'r') + std::string(1, '\0') +
                                        vector_of("abc", 2) + vector_of("\0", 1)},
        MalformedCase{"bytes_behind", hello_body({.extensions = ""}) + "x"},
        MalformedCase{"extension_cut", hello_body({.extensions = big_endian(0, 2) + "\x01"})},
        MalformedCase{"name_cut", hello_body({.extensions = extension(0, "\x01")})},
        MalformedCase{"odd_groups", hello_body({.extensions = extension(10, vector_of("abc", 2))})},
        MalformedCase{"no_versions", hello_body({.extensions = extension(43, vector_of("", 1))})}),
    [](const auto& each) { return each.param.name; });

TEST(ClientHello, MayHaveNoExtensions) {
  const std::string body = hello_body({.extensions = ""});
  const auto hello = parse_client_hello(std::string_view(body).substr(0, body.size() - 2));
  ASSERT_TRUE(hello);
  EXPECT_FALSE(hello->offers_tls13);
  EXPECT_FALSE(hello->signature_schemes);
}

struct VerifiesCase {
  const char* name;
  std::vector<std::uint16_t> suites;
  std::string extensions;
  bool rsa;
  bool p256;
  bool p384;
};

class Verifies : public testing::TestWithParam<VerifiesCase> {};

TEST_P(Verifies, TheKindsItSaysItCan) {
  const VerifiesCase& row = GetParam();
  const std::string body = hello_body({.suites = row.suites, .extensions = row.extensions});
  const auto hello = parse_client_hello(body);
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->verifies(KeyKind::rsa), row.rsa);
  EXPECT_EQ(hello->verifies(KeyKind::ecdsa_p256), row.p256);
  EXPECT_EQ(hello->verifies(KeyKind::ecdsa_p384), row.p384);
}

INSTANTIATE_TEST_SUITE_P(
    ClientHello, Verifies,
    testing::Values(
        VerifiesCase{"tls13_all",
                     {0x1301},
                     versions({0x0304, 0x0303}) + schemes({0x0403, 0x0503, 0x0804}),
                     true,
                     true,
                     true},
        VerifiesCase{
            "tls13_rsa", {0x1301}, versions({0x0304}) + schemes({0x0804}), true, false, false},
        VerifiesCase{"tls13_without_pss",
                     {0x1301},
                     versions({0x0304}) + schemes({0x0401, 0x0403}),
                     false,
                     true,
                     false},
        VerifiesCase{"tls13_without_schemes", {0x1301}, versions({0x0304}), false, false, false},
        VerifiesCase{"tls12_all",
                     {0xc02b, 0xc02f},
                     schemes({0x0403, 0x0401}) + groups({23, 24}),
                     true,
                     true,
                     true},
        VerifiesCase{"tls12_rsa_suites", {0xc02f}, schemes({0x0403, 0x0401}), true, false, false},
        VerifiesCase{"tls12_ecdsa_suites", {0xc02b}, schemes({0x0403, 0x0401}), false, true, true},
        VerifiesCase{"tls12_rsa_schemes", {0xc02b, 0xc02f}, schemes({0x0401}), true, false, false},
        VerifiesCase{"tls12_p256",
                     {0xc02b, 0xc02f},
                     schemes({0x0403, 0x0401}) + groups({29, 23}),
                     true,
                     true,
                     false},
        VerifiesCase{"tls12_old", {0xc02b, 0xc02f}, "", true, true, true}),
    [](const auto& each) { return each.param.name; });

TEST(ClientHello, IsFoundInAnyPiecesAndRecords) {
  const std::string body = hello_body({.extensions = server_name_extension("a.example")});
  for (const std::size_t record_bytes : {1u, 3u, 4u, 5u, 50u, 16'384u}) {
    const std::string text = hello_records(body, record_bytes);
    for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
      const auto found = find_client_hello(std::string_view(text).substr(0, bytes));
      ASSERT_TRUE(found) << record_bytes << " " << bytes;
      ASSERT_FALSE(*found) << record_bytes << " " << bytes;
    }
    const auto found = find_client_hello(text + "and more");
    ASSERT_TRUE(found) << record_bytes;
    ASSERT_TRUE(*found) << record_bytes;
    EXPECT_EQ(**found, body) << record_bytes;
  }
}

TEST(ClientHello, IsBounded) {
  const std::size_t longest = kClientHelloBytesMax - 4;
  const auto fits = find_client_hello(hello_records(std::string(longest, 'x'), 16'000));
  ASSERT_TRUE(fits);
  EXPECT_TRUE(*fits);
  const auto refused = find_client_hello(hello_records(std::string(longest + 1, 'x')));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::limit_exceeded);
}

TEST(ClientHello, ARecordMayNotBeEmptyOrTooLong) {
  for (const std::size_t length : {0u, 16'385u, 65'535u}) {
    const auto found =
        find_client_hello(big_endian(22, 1) + big_endian(0x0301, 2) + big_endian(length, 2));
    ASSERT_FALSE(found) << length;
    EXPECT_THAT(found.error().sentence(), HasSubstr("length of the record"));
  }
}

}  // namespace
}  // namespace sluice::tls
