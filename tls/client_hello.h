// ClientHello: what a client says before anything is agreed, as far as a server must know it to
// choose its certificate: the name it asks for, and the signatures it can verify.
//
// Read out of the first records of a connection (RFC 8446 §4.1.2, §5.1; RFC 5246 §7.4.1.2), which
// the TLS library then reads once more as a whole. Pure and bounded; copies what it keeps. Fuzzed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace sluice::tls {

// A larger one is refused: real ones take less than 2 KiB, with post-quantum keys.
inline constexpr std::size_t kClientHelloBytesMax = 16 * 1024;

struct ClientHello {
  std::string server_name;      // SNI in lower case; empty: none
  bool can_verify_rsa = false;  // signatures
  bool can_verify_ecdsa = false;
};

enum class ClientHelloFault : std::uint8_t {
  unfinished,  // more bytes must come
  malformed,   // this is no ClientHello
};

// `bytes`: everything that came since the connection began.
std::expected<ClientHello, ClientHelloFault> parse_client_hello(std::string_view bytes);

}  // namespace sluice::tls
