// IP addresses, endpoints and networks, parsed strictly and compared by value.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"

struct sockaddr;
struct sockaddr_storage;

namespace sluice {

// An IPv4 or IPv6 address. IPv4-mapped IPv6 (::ffff:a.b.c.d) is stored as IPv4.
class IpAddress {
 public:
  static Result<IpAddress> parse(std::string_view text);  // "192.0.2.1", "2001:db8::1"
  static IpAddress v4(std::uint32_t host_order);
  static IpAddress from_bytes(const std::array<std::uint8_t, 16>& bytes);

  bool is_v4() const;
  bool is_loopback() const;  // 127.0.0.0/8, ::1
  // Whether a host of the internet may have it: no loopback, private, link-local, shared,
  // multicast, reserved or unspecified address, nor one for documentation (RFC 6890).
  bool is_public() const;
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  std::string to_string() const;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  explicit IpAddress(const std::array<std::uint8_t, 16>& bytes) : bytes_(bytes) {}
  std::array<std::uint8_t, 16> bytes_;  // IPv4 as mapped
};

// An address and a port.
struct Endpoint {
  IpAddress address;
  std::uint16_t port;

  // "192.0.2.1:25", "[2001:db8::1]:25". A port is required.
  static Result<Endpoint> parse(std::string_view text);
  static Result<Endpoint> from_sockaddr(const sockaddr_storage& address);
  // Fills the structure and returns its length.
  unsigned to_sockaddr(sockaddr_storage& out) const;
  std::string to_string() const;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// A CIDR network: "192.0.2.0/24", "2001:db8::/32"; a bare address is a network of one.
class IpNetwork {
 public:
  // Bits set behind the prefix are refused: "10.0.0.1/8" is a typing error.
  static Result<IpNetwork> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
  std::string to_string() const;
  friend bool operator==(const IpNetwork&, const IpNetwork&) = default;

 private:
  IpNetwork(IpAddress base, unsigned prefix_bits) : base_(base), prefix_bits_(prefix_bits) {}
  IpAddress base_;
  unsigned prefix_bits_;  // of 128
};

}  // namespace sluice
