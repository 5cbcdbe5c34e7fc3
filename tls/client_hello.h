// ClientHello: what a client says first (RFC 8446 4.1.2, RFC 5246 7.4.1.2), as far as the choice of
// a certificate needs it.
//
// It is read before wolfSSL sees a byte: a peer that talks something else costs no TLS state, and
// the context is chosen without callbacks. It judges only structure; wolfSSL reads it again and
// decides what is acceptable. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "tls/certificate.h"

namespace sluice::tls {

// Browsers send 2 KB with post-quantum keys; this is one whole record, and what OpenSSL bounds it
// to is near.
inline constexpr std::size_t kClientHelloBytesMax = 16 * 1024;
inline constexpr std::size_t kServerNameBytesMax = 255;  // RFC 1035 2.3.4

struct ClientHello {
  std::string server_name;  // in lower case; empty: none, or not a host name

  // Whether the client can check a signature by such a key.
  bool verifies(KeyKind kind) const;

  // Lists of big-endian 16-bit numbers, which point into the message that was parsed. The latter
  // two are absent when the extension is.
  std::string_view cipher_suites;
  std::optional<std::string_view> signature_schemes;
  std::optional<std::string_view> groups;
  bool offers_tls13 = false;
};

// The body of the first handshake message of what was received: nothing while more must come. An
// error when it can become none: plain text, another message, one that is too long.
Result<std::optional<std::string>> find_client_hello(std::string_view received);

// Takes such a body apart.
Result<ClientHello> parse_client_hello(std::string_view body);

}  // namespace sluice::tls
