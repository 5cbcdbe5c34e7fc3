// The ciphers we speak, in wolfSSL's names, best first.
//
// Forward secrecy always; AEAD before CBC, which stays at the end for appliances and libraries of
// ten years ago (RFC 9325 4.2 would have none: the reason for the departure). Nothing anonymous, no
// NULL, RC4, 3DES, static RSA or finite-field DH. TLS 1.3 has three (RFC 8446 B.4).
#pragma once

namespace sluice::tls {

inline constexpr const char* kCipherPolicy =
    "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"
    "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384";

}  // namespace sluice::tls
