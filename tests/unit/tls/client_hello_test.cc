#include "tls/client_hello.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/tls/certificate_fixture.h"
#include "tls/engine.h"

namespace sluice::tls {
namespace {

// What our own client says, in as many records as it takes.
std::string hello_of_client(const std::string& server_name) {
  EXPECT_TRUE(initialise().has_value());
  auto context = ClientContext::make(Resumption::no);
  EXPECT_TRUE(context.has_value());
  Engine client(**context, server_name);
  EXPECT_EQ(client.shake_hands().value_or(true), false);
  return client.take_outgoing();
}

TEST(ClientHello, NamesTheServerAndWhatTheClientVerifies) {
  const auto hello = parse_client_hello(hello_of_client("mx.example.com"));
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->server_name, "mx.example.com");
  EXPECT_TRUE(hello->can_verify_rsa);
  EXPECT_TRUE(hello->can_verify_ecdsa);
}

TEST(ClientHello, MayNameNobody) {
  const auto hello = parse_client_hello(hello_of_client(""));
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->server_name, "");
}

TEST(ClientHello, IsUnfinishedUntilItsLastByte) {
  const std::string bytes = hello_of_client("mx.example.com");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto hello = parse_client_hello(std::string_view(bytes).substr(0, i));
    ASSERT_FALSE(hello.has_value()) << i;
    EXPECT_EQ(hello.error(), ClientHelloFault::unfinished) << i;
  }
}

// The same message in records of one byte each.
TEST(ClientHello, MayComeInManyRecords) {
  const std::string bytes = hello_of_client("mx.example.com");
  std::string split;
  for (std::size_t i = 5; i < bytes.size(); ++i) {
    split += bytes.substr(0, 3);
    split += std::string("\0\x01", 2);
    split += bytes[i];
  }
  const auto hello = parse_client_hello(split);
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->server_name, "mx.example.com");
}

TEST(ClientHello, IsNoPlaintext) {
  for (const std::string_view text :
       {"EHLO client.example\r\n", "GET / HTTP/1.1\r\n", "\x80\x2e"}) {
    const auto hello = parse_client_hello(text);
    ASSERT_FALSE(hello.has_value());
    EXPECT_EQ(hello.error(), ClientHelloFault::malformed) << text;
  }
}

TEST(ClientHello, IsBounded) {
  // A message of 16 KiB and one byte is announced.
  const std::string record("\x16\x03\x01\x00\x04\x01\x00\x40\x01", 9);
  const auto hello = parse_client_hello(record);
  ASSERT_FALSE(hello.has_value());
  EXPECT_EQ(hello.error(), ClientHelloFault::malformed);
}

TEST(ClientHello, WithDamagedLengthsNeverReadsPastItsEnd) {
  const std::string bytes = hello_of_client("mx.example.com");
  for (std::size_t i = 9; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = '\xff';
    const auto hello = parse_client_hello(damaged);
    if (hello) EXPECT_LE(hello->server_name.size(), 255U);
  }
}

}  // namespace
}  // namespace sluice::tls
