#include "core/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/assert.h"

namespace sluice {

namespace {

using Bytes = std::array<std::uint8_t, 16>;

constexpr unsigned kMappedBits = 96;
constexpr Bytes kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
constexpr std::size_t kAddressTextBytesMax = INET6_ADDRSTRLEN - 1;

std::string quoted(std::string_view text) {
  // What is quoted back comes from outside: it is cut, so that a message stays a message.
  constexpr std::size_t kQuotedBytesMax = 80;
  return "\"" + std::string(text.substr(0, kQuotedBytesMax)) + "\"";
}

// A decimal number without sign, spaces or leading zeros.
std::optional<unsigned> parse_number(std::string_view text, unsigned bound) {
  if (text.empty() || text.size() > 5) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  unsigned number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = problem == std::errc() && end == text.data() + text.size();
  if (!is_number || number > bound) return std::nullopt;
  return number;
}

// The address with every bit behind the prefix cleared.
Bytes masked(const Bytes& bytes, unsigned prefix_bits) {
  Bytes result{};
  for (unsigned index = 0; index < bytes.size(); ++index) {
    const unsigned bits = std::clamp(prefix_bits, index * 8, index * 8 + 8) - index * 8;
    result[index] = static_cast<std::uint8_t>(bytes[index] & (0xff00u >> bits));
  }
  return result;
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const auto refuse = [text] {
    return fail(ErrorCode::syntax, quoted(text) + " is no IPv4 or IPv6 address");
  };
  if (text.size() > kAddressTextBytesMax) return refuse();
  if (text.find('\0') != std::string_view::npos) return refuse();
  const std::string terminated(text);
  Bytes bytes = kMappedPrefix;
  if (inet_pton(AF_INET, terminated.c_str(), bytes.data() + 12) == 1) return IpAddress(bytes);
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return IpAddress(bytes);
  return refuse();
}

IpAddress IpAddress::v4(std::uint32_t host_order) {
  Bytes bytes = kMappedPrefix;
  for (unsigned index = 0; index < 4; ++index)
    bytes[12 + index] = static_cast<std::uint8_t>(host_order >> (24 - 8 * index));
  return IpAddress(bytes);
}

IpAddress IpAddress::from_bytes(const Bytes& bytes) { return IpAddress(bytes); }

bool IpAddress::is_v4() const {
  return std::equal(bytes_.begin(), bytes_.begin() + 12, kMappedPrefix.begin());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto byte) { return byte == 0; }) &&
         bytes_[15] == 1;
}

namespace {

struct Prefix {
  Bytes bytes;
  unsigned bits;
};

constexpr Prefix v4_prefix(std::array<std::uint8_t, 4> bytes, unsigned bits) {
  Bytes mapped = kMappedPrefix;
  for (std::size_t i = 0; i < bytes.size(); ++i) mapped[12 + i] = bytes[i];
  return {mapped, kMappedBits + bits};
}

// RFC 6890 §2.2.2, RFC 5771, RFC 1112 §4: not for hosts of the internet.
constexpr std::array kSpecialV4{v4_prefix({0, 0, 0, 0}, 8),       v4_prefix({10, 0, 0, 0}, 8),
                                v4_prefix({100, 64, 0, 0}, 10),   v4_prefix({127, 0, 0, 0}, 8),
                                v4_prefix({169, 254, 0, 0}, 16),  v4_prefix({172, 16, 0, 0}, 12),
                                v4_prefix({192, 0, 0, 0}, 24),    v4_prefix({192, 0, 2, 0}, 24),
                                v4_prefix({192, 168, 0, 0}, 16),  v4_prefix({198, 18, 0, 0}, 15),
                                v4_prefix({198, 51, 100, 0}, 24), v4_prefix({203, 0, 113, 0}, 24),
                                v4_prefix({224, 0, 0, 0}, 3)};

constexpr Prefix kGlobalUnicast{{0x20}, 3};  // RFC 4291 §2.4: 2000::/3
constexpr std::array kSpecialV6{
    Prefix{{0x20, 0x01, 0x0d, 0xb8}, 32},               // RFC 3849: for documentation
    Prefix{{0x20, 0x01, 0x00, 0x00}, 32},               // RFC 4380: Teredo
    Prefix{{0x3f, 0xff, 0x00}, 20}};                    // RFC 9637: for documentation
constexpr Prefix kNat64{{0x00, 0x64, 0xff, 0x9b}, 96};  // RFC 6052 §2.1
constexpr Prefix k6to4{{0x20, 0x02}, 16};               // RFC 3056 §2

bool is_within(const Bytes& bytes, const Prefix& prefix) {
  return masked(bytes, prefix.bits) == prefix.bytes;
}

// An IPv4 address that an IPv6 one carries.
IpAddress embedded_v4(const Bytes& bytes, std::size_t offset) {
  Bytes mapped = kMappedPrefix;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), 4, mapped.begin() + 12);
  return IpAddress::from_bytes(mapped);
}

}  // namespace

bool IpAddress::is_public() const {
  const auto has = [this](const Prefix& prefix) { return is_within(bytes_, prefix); };
  if (is_v4()) return std::ranges::none_of(kSpecialV4, has);
  if (has(kNat64)) return embedded_v4(bytes_, 12).is_public();
  if (has(k6to4)) return embedded_v4(bytes_, 2).is_public();
  return has(kGlobalUnicast) && std::ranges::none_of(kSpecialV6, has);
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool is_ipv4 = is_v4();
  const void* const from = is_ipv4 ? bytes_.data() + 12 : bytes_.data();
  const char* const done = inet_ntop(is_ipv4 ? AF_INET : AF_INET6, from, text.data(), text.size());
  SLUICE_ASSERT(done != nullptr, "INET6_ADDRSTRLEN is enough for any address");
  return text.data();
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const auto refuse = [text] {
    return fail(ErrorCode::syntax,
                quoted(text) + " is no address with a port, like 192.0.2.1:25 or [2001:db8::1]:25");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse();
  const auto port = parse_number(text.substr(colon + 1), 65535);
  if (!port) return refuse();
  std::string_view host = text.substr(0, colon);
  const bool has_brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (has_brackets) host = host.substr(1, host.size() - 2);
  // Brackets set an IPv6 address off from its port; it has them always, IPv4 never.
  if (has_brackets != (host.find(':') != std::string_view::npos)) return refuse();
  auto address = IpAddress::parse(host);
  if (!address) return refuse();
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

Result<Endpoint> Endpoint::from_sockaddr(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof(v4));
    return Endpoint{IpAddress::v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
  }
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof(v6));
    Bytes bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return Endpoint{IpAddress::from_bytes(bytes), ntohs(v6.sin6_port)};
  }
  return fail(ErrorCode::unsupported, "the socket is neither IPv4 nor IPv6");
}

unsigned Endpoint::to_sockaddr(sockaddr_storage& out) const {
  out = {};
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes().data() + 12, 4);
    std::memcpy(&out, &v4, sizeof(v4));
    return sizeof(v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, address.bytes().data(), 16);
  std::memcpy(&out, &v6, sizeof(v6));
  return sizeof(v6);
}

std::string Endpoint::to_string() const {
  const std::string host = address.to_string();
  if (address.is_v4()) return host + ":" + std::to_string(port);
  return "[" + host + "]:" + std::to_string(port);
}

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  SLUICE_TRY(base, IpAddress::parse(text.substr(0, slash)));
  if (slash == std::string_view::npos) return IpNetwork(base, 128);

  const bool is_written_as_v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  const auto length = parse_number(text.substr(slash + 1), is_written_as_v4 ? 32 : 128);
  if (!length) return fail(ErrorCode::syntax, quoted(text) + " has no valid prefix length");
  const unsigned prefix_bits = is_written_as_v4 ? *length + kMappedBits : *length;
  const auto network = IpAddress::from_bytes(masked(base.bytes(), prefix_bits));
  if (network != base)
    return fail(ErrorCode::syntax, quoted(text) +
                                       " has bits set behind its prefix; the network is " +
                                       IpNetwork(network, prefix_bits).to_string());
  return IpNetwork(base, prefix_bits);
}

// An IPv6 network holds no IPv4 addresses, although they are stored as mapped ones: whoever
// writes ::/0 means IPv6.
bool IpNetwork::contains(const IpAddress& address) const {
  return address.is_v4() == base_.is_v4() && masked(address.bytes(), prefix_bits_) == base_.bytes();
}

std::string IpNetwork::to_string() const {
  const unsigned bits = base_.is_v4() ? prefix_bits_ - kMappedBits : prefix_bits_;
  return base_.to_string() + "/" + std::to_string(bits);
}

}  // namespace sluice
