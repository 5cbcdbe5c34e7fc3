#include "core/proxy_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/core/shard_fixture.h"

namespace sluice {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

// A header of version 2: command and version, family and transport, what follows.
std::string binary(char command, char family, const std::string& rest) {
  const auto length = static_cast<std::uint16_t>(rest.size());
  return kSignature + command + family + static_cast<char>(length >> 8) +
         static_cast<char>(length & 0xff) + rest;
}

const std::string kEnds4 = "\xC0\x00\x02\x01\xC6\x33\x64\x02\x9C\x40\x02\x4B"s;
const std::string kEnds6 =
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x9C\x40\x02\x4B"s;

AnnouncedEnds ends(const char* client, const char* server) {
  return {.client = *Endpoint::parse(client), .server = *Endpoint::parse(server)};
}

struct HeaderCase {
  const char* name;
  std::string header;
  std::optional<AnnouncedEnds> announced;
};

class GoodHeader : public testing::TestWithParam<HeaderCase> {};

TEST_P(GoodHeader, IsReadAndWhatFollowsIsNot) {
  const auto& [name, header, announced] = GetParam();
  const ProxyHeader expected{.announced = announced, .bytes = header.size()};
  for (const std::string& behind : {""s, "EHLO x\r\n"s, header}) {
    const auto parsed = parse_proxy_header(header + behind);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().sentence();
    EXPECT_EQ(*parsed, expected);
  }
  EXPECT_TRUE(begins_proxy_header(header));
}

TEST_P(GoodHeader, IsAwaitedToItsLastByte) {
  const std::string& header = GetParam().header;
  for (std::size_t bytes = 0; bytes < header.size(); ++bytes) {
    const auto parsed = parse_proxy_header(header.substr(0, bytes));
    ASSERT_TRUE(parsed.has_value()) << bytes << ": " << parsed.error().sentence();
    EXPECT_FALSE(parsed->has_value()) << bytes;
  }
}

const auto kEnds4Read = ends("192.0.2.1:40000", "198.51.100.2:587");
const auto kEnds6Read = ends("[2001:db8::1]:40000", "[2001:db8::2]:587");

INSTANTIATE_TEST_SUITE_P(
    Cases, GoodHeader,
    testing::Values(
        HeaderCase{"LineOfIpv4", "PROXY TCP4 192.0.2.1 198.51.100.2 40000 587\r\n", kEnds4Read},
        HeaderCase{"LineOfIpv6", "PROXY TCP6 2001:db8::1 2001:db8::2 40000 587\r\n", kEnds6Read},
        HeaderCase{"LineOfPort0", "PROXY TCP4 192.0.2.1 198.51.100.2 0 65535\r\n",
                   ends("192.0.2.1:0", "198.51.100.2:65535")},
        HeaderCase{"UnknownLine", "PROXY UNKNOWN\r\n", {}},
        HeaderCase{"LongestUnknownLine", "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", {}},
        HeaderCase{"Ipv4", binary(0x21, 0x11, kEnds4), kEnds4Read},
        HeaderCase{"Ipv6", binary(0x21, 0x21, kEnds6), kEnds6Read},
        HeaderCase{"WithExtensions", binary(0x21, 0x11, kEnds4 + "\x02\0\x03"s + "abc\x04\0\0"s),
                   kEnds4Read},
        HeaderCase{"LongestExtension",
                   binary(0x21, 0x11, kEnds4 + "\x04\x0F\xE1"s + std::string(4065, 'x')),
                   kEnds4Read},
        HeaderCase{"Unspecified", binary(0x21, 0x00, ""), {}},
        HeaderCase{"UnixPath", binary(0x21, 0x31, std::string(216, 'x')), {}},
        HeaderCase{"Datagrams", binary(0x21, 0x12, kEnds4), {}},
        HeaderCase{"Local", binary(0x20, 0x00, ""), {}},
        HeaderCase{"LocalWithAddresses", binary(0x20, 0x11, kEnds4), {}}),
    [](const auto& row) { return row.param.name; });

struct BadCase {
  const char* name;
  std::string header;
  ErrorCode code = ErrorCode::syntax;
};

class BadHeader : public testing::TestWithParam<BadCase> {};

TEST_P(BadHeader, IsRefused) {
  const auto parsed = parse_proxy_header(GetParam().header);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code(), GetParam().code) << parsed.error().sentence();
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadHeader,
    testing::Values(
        BadCase{"Smtp", "EHLO x\r\n"}, BadCase{"LowerCase", "proxy TCP4"},
        BadCase{"NoFamily", "PROXY \r\n"},
        BadCase{"OtherFamily", "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"},
        BadCase{"FamilyOfTheOther", "PROXY TCP4 ::1 ::1 1 2\r\n"},
        BadCase{"FamilyOfTheOther6", "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"},
        BadCase{"OneOfEach", "PROXY TCP4 192.0.2.1 ::1 1 2\r\n"},
        BadCase{"TooFewWords", "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"},
        BadCase{"TooManyWords", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"},
        BadCase{"TwoBlanks", "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"},
        BadCase{"PortTooLarge", "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n"},
        BadCase{"PortWithZero", "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"},
        BadCase{"PortWithSign", "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n"},
        BadCase{"AddressWithZero", "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n"},
        BadCase{"BareNewline", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n\r\n"},
        BadCase{"LineTooLong", "PROXY UNKNOWN " + std::string(92, 'x') + "\r\n",
                ErrorCode::limit_exceeded},
        BadCase{"EndlessLine", "PROXY UNKNOWN " + std::string(93, 'x'), ErrorCode::limit_exceeded},
        BadCase{"Version1InBinary", binary(0x11, 0x11, kEnds4)},
        BadCase{"OtherCommand", binary(0x22, 0x11, kEnds4)},
        BadCase{"OtherTransport", binary(0x21, 0x13, kEnds4)},
        BadCase{"OtherFamilyInBinary", binary(0x21, 0x41, kEnds4)},
        BadCase{"ShortAddresses", binary(0x21, 0x11, kEnds4.substr(1))},
        BadCase{"CutExtension", binary(0x21, 0x11, kEnds4 + "\x04\0"s)},
        BadCase{"ExtensionPastTheEnd", binary(0x21, 0x11, kEnds4 + "\x04\0\x02x"s)},
        BadCase{"TooLong", binary(0x21, 0x11, kEnds4 + "\x04\x0F\xE2"s + std::string(4066, 'x')),
                ErrorCode::limit_exceeded},
        BadCase{"Signature", "\r\n\r\n\0\r\nQUIT\r"s}),
    [](const auto& row) { return row.param.name; });

// The right one was computed by another implementation, which finds 0xe3069283 for "123456789", as
// the check value of CRC-32C is.
TEST(Checksum, IsCheckedWhereItIs) {
  const auto with_sum = [](std::uint32_t sum) {
    std::string bytes;
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(sum >> shift & 0xff);
    return binary(0x21, 0x11, kEnds4 + "\x03\0\x04"s + bytes);
  };
  constexpr std::uint32_t kRight = 0xf3f8eb5b;
  EXPECT_TRUE(parse_proxy_header(with_sum(kRight)).has_value());
  const auto wrong = parse_proxy_header(with_sum(kRight ^ 1));
  ASSERT_FALSE(wrong.has_value());
  EXPECT_THAT(wrong.error().sentence(), HasSubstr("checksum"));
  EXPECT_FALSE(parse_proxy_header(binary(0x21, 0x11, kEnds4 + "\x03\0\x03xyz"s)).has_value());
}

// ---- reading

struct ReadResult {
  Result<ProxyHeader> header = fail(ErrorCode::cancelled, "not read");
  std::string behind;
};

Task<void> read_from(Shard& shard, int descriptor, Duration patience, ReadResult& result) {
  auto stream = adopt_socket(shard, descriptor, Direction::incoming);
  const Deadline deadline = Deadline::in(shard.clock(), patience);
  result.header = co_await read_proxy_header(*stream, deadline, shard.clock());
  result.behind = stream->received();
  co_await stream->close();
}

Task<void> write_to(Shard& shard, int descriptor, std::string bytes, Deadline close_at) {
  auto stream = adopt_socket(shard, descriptor, Direction::outgoing);
  auto sent = co_await send_text(*stream, std::move(bytes), soon(shard));
  EXPECT_TRUE(sent.has_value());
  // Until the other end closes, or it is time.
  auto filled = co_await stream->fill(close_at);
  static_cast<void>(filled);
  co_await stream->close();
}

Task<void> exchange(Shard& shard, std::string bytes, Duration patience, ReadResult& result) {
  const SocketPair pair = connected_pair();
  TaskScope scope(shard.run_queue());
  scope.spawn(write_to(shard, pair.first, std::move(bytes), soon(shard)));
  co_await read_from(shard, pair.second, patience, result);
  co_await scope.join();
}

TEST(ReadProxyHeader, LeavesWhatFollowsIt) {
  ReadResult result;
  run_on_shard(exchange, "PROXY TCP4 192.0.2.1 198.51.100.2 40000 587\r\nEHLO x\r\n"s,
               std::chrono::seconds(60), std::ref(result));
  ASSERT_TRUE(result.header.has_value()) << result.header.error().sentence();
  EXPECT_EQ(result.header->announced, kEnds4Read);
  EXPECT_EQ(result.behind, "EHLO x\r\n");
}

TEST(ReadProxyHeader, DoesNotWaitForEver) {
  ReadResult result;
  run_on_shard(exchange, "PROXY TCP4 192.0.2.1"s, std::chrono::milliseconds(20), std::ref(result));
  ASSERT_FALSE(result.header.has_value());
  EXPECT_EQ(result.header.error().code(), ErrorCode::timed_out);
}

TEST(ReadProxyHeader, RefusesOtherProtocols) {
  ReadResult result;
  run_on_shard(exchange, "\x16\x03\x01"s, std::chrono::seconds(60), std::ref(result));
  ASSERT_FALSE(result.header.has_value());
  EXPECT_EQ(result.header.error().code(), ErrorCode::syntax);
}

}  // namespace
}  // namespace sluice
