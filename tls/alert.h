// The alerts of TLS (RFC 8446 6).
#pragma once

#include <string>
#include <string_view>

namespace sluice::tls {

inline constexpr char kHandshakeRecordType = 22;

// A record with the fatal alert decode_error, in clear.
inline constexpr std::string_view kDecodeErrorAlert("\x15\x03\x01\x00\x02\x02\x32", 7);

// "unknown_ca (48)", or "200" for one that nobody has defined.
std::string alert_name(int code);

}  // namespace sluice::tls
