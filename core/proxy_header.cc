#include "core/proxy_header.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "core/wait.h"

namespace sluice {
namespace {

using namespace std::string_view_literals;

using Parsed = Result<std::optional<ProxyHeader>>;

constexpr std::string_view kLineStart = "PROXY ";
constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t kFixedBytes = 16;  // of version 2: signature, command, family, length
constexpr std::uint8_t kChecksumType = 0x03;

enum class Family : std::uint8_t { unspecified, ipv4, ipv6, unix_path };
constexpr std::array<std::size_t, 4> kAddressBytes = {0, 12, 36, 216};

// ---- version 1

// The words of a line are apart by one blank.
std::string_view take_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  const bool has_leading_zero = text.size() > 1 && text.starts_with('0');
  if (!is_whole || has_leading_zero) return std::nullopt;
  return port;
}

// Behind "PROXY TCP4 " or "PROXY TCP6 ".
std::optional<AnnouncedEnds> parse_line_ends(std::string_view words, char colon_or_dot) {
  const std::string_view client = take_word(words);
  const std::string_view server = take_word(words);
  const std::string_view client_port = take_word(words);
  const auto client_address = IpAddress::parse(client);
  const auto server_address = IpAddress::parse(server);
  const auto from = parse_port(client_port);
  const auto to = parse_port(words);
  const bool are_of_family = client.contains(colon_or_dot) && server.contains(colon_or_dot);
  if (!client_address || !server_address || !from || !to || !are_of_family) return std::nullopt;
  return AnnouncedEnds{.client = {*client_address, *from}, .server = {*server_address, *to}};
}

Parsed parse_line(std::string_view received) {
  const std::string_view visible = received.substr(0, kProxyLineBytesMax);
  const std::size_t end = visible.find("\r\n");
  if (end == std::string_view::npos) {
    if (received.size() < kProxyLineBytesMax) return std::nullopt;
    return fail(ErrorCode::limit_exceeded, "a PROXY line is longer than 107 bytes");
  }
  std::string_view words = visible.substr(kLineStart.size(), end - kLineStart.size());
  ProxyHeader header{.announced = std::nullopt, .bytes = end + 2};
  const std::string_view family = take_word(words);
  if (family == "UNKNOWN") return header;
  if (family == "TCP4") header.announced = parse_line_ends(words, '.');
  if (family == "TCP6") header.announced = parse_line_ends(words, ':');
  if (!header.announced) {
    return fail(ErrorCode::syntax, "a PROXY line does not name two addresses and two ports");
  }
  return header;
}

// ---- version 2

std::uint8_t byte_at(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint8_t>(bytes[index]);
}

std::uint16_t number_at(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint16_t>(byte_at(bytes, index) << 8 | byte_at(bytes, index + 1));
}

IpAddress address_at(std::string_view bytes, Family family, std::size_t index) {
  std::array<std::uint8_t, 16> address{};
  if (family == Family::ipv4) {
    return IpAddress::v4(std::uint32_t{number_at(bytes, index)} << 16 |
                         number_at(bytes, index + 2));
  }
  for (std::size_t i = 0; i < address.size(); ++i) address[i] = byte_at(bytes, index + i);
  return IpAddress::from_bytes(address);
}

AnnouncedEnds ends_in(std::string_view block, Family family) {
  const std::size_t width = family == Family::ipv4 ? 4 : 16;
  return {.client = {address_at(block, family, 0), number_at(block, 2 * width)},
          .server = {address_at(block, family, width), number_at(block, 2 * width + 2)}};
}

// CRC-32C (RFC 3720 appendix B.4), of the header with zeros in place of the checksum.
std::uint32_t checksum_of(std::string_view header, std::size_t zeros_at) {
  constexpr std::uint32_t kPolynomial = 0x82f63b78;
  std::uint32_t sum = 0xffffffff;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const bool is_zeroed = i >= zeros_at && i < zeros_at + 4;
    sum ^= is_zeroed ? 0 : byte_at(header, i);
    for (int bit = 0; bit < 8; ++bit) sum = (sum & 1) != 0 ? sum >> 1 ^ kPolynomial : sum >> 1;
  }
  return ~sum;
}

// The extensions: type, length, value.
Result<void> check_extensions(std::string_view header, std::size_t at) {
  constexpr std::size_t kStartBytes = 3;
  while (at < header.size()) {
    if (header.size() - at < kStartBytes) {
      return fail(ErrorCode::syntax, "an extension of a PROXY header is cut off");
    }
    const std::size_t length = number_at(header, at + 1);
    const std::size_t value = at + kStartBytes;
    if (header.size() - value < length) {
      return fail(ErrorCode::syntax, "an extension of a PROXY header is cut off");
    }
    if (byte_at(header, at) == kChecksumType) {
      const bool is_right =
          length == 4 && (std::uint32_t{number_at(header, value)} << 16 |
                          number_at(header, value + 2)) == checksum_of(header, value);
      if (!is_right) return fail(ErrorCode::syntax, "the checksum of a PROXY header is wrong");
    }
    at = value + length;
  }
  return {};
}

// Behind the fixed part: `header` is whole.
Parsed parse_proxied(std::string_view header) {
  const std::uint8_t family = byte_at(header, 13) >> 4;
  const std::uint8_t transport = byte_at(header, 13) & 0x0f;
  if (family >= kAddressBytes.size() || transport > 2) {
    return fail(ErrorCode::syntax, "a PROXY header names a family of addresses that there is not");
  }
  const std::size_t addresses = kAddressBytes[family];
  if (header.size() - kFixedBytes < addresses) {
    return fail(ErrorCode::syntax, "a PROXY header is shorter than its addresses");
  }
  if (auto checked = check_extensions(header, kFixedBytes + addresses); !checked) {
    return std::unexpected(std::move(checked).error());
  }
  ProxyHeader parsed{.announced = std::nullopt, .bytes = header.size()};
  const auto kind = static_cast<Family>(family);
  const bool is_tcp = transport == 1 && (kind == Family::ipv4 || kind == Family::ipv6);
  if (is_tcp) parsed.announced = ends_in(header.substr(kFixedBytes), kind);
  return parsed;
}

Parsed parse_binary(std::string_view received) {
  if (received.size() < kFixedBytes) return std::nullopt;
  const std::uint8_t version = byte_at(received, 12) >> 4;
  const std::uint8_t command = byte_at(received, 12) & 0x0f;
  if (version != 2 || command > 1) {
    return fail(ErrorCode::syntax, "a PROXY header has a version or a command that there is not");
  }
  const std::size_t bytes = kFixedBytes + number_at(received, 14);
  if (bytes > kProxyHeaderBytesMax) {
    return fail(ErrorCode::limit_exceeded, "a PROXY header is longer than 4096 bytes");
  }
  if (received.size() < bytes) return std::nullopt;
  // LOCAL: the connection is the proxy's own, whatever stands behind it.
  if (command == 0) return ProxyHeader{.announced = std::nullopt, .bytes = bytes};
  return parse_proxied(received.substr(0, bytes));
}

// Whether one is a beginning of the other.
bool agree(std::string_view received, std::string_view start) {
  return received.starts_with(start) || start.starts_with(received);
}

}  // namespace

Parsed parse_proxy_header(std::string_view received) {
  if (received.starts_with(kLineStart)) return parse_line(received);
  if (received.starts_with(kSignature)) return parse_binary(received);
  if (agree(received, kLineStart) || agree(received, kSignature)) return std::nullopt;
  return fail(ErrorCode::syntax, "the connection does not begin with a PROXY header");
}

bool begins_proxy_header(std::string_view received) {
  return received.starts_with(kLineStart) || received.starts_with(kSignature);
}

Task<Result<ProxyHeader>> read_proxy_header(Stream& stream, Deadline deadline, const Clock& clock) {
  while (true) {
    SLUICE_CO_TRY(header, parse_proxy_header(stream.received()));
    if (header) {
      stream.consume(header->bytes);
      co_return *header;
    }
    auto filled = co_await stream.fill(deadline);
    if (!filled) co_return std::unexpected(std::move(filled).error());
    // A peer that drips bytes makes progress, and yet must be done in time.
    if (deadline.has_passed(clock.now())) co_return wait_error(WaitEnd::timed_out, "PROXY header");
  }
}

}  // namespace sluice
