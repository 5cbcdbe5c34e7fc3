// Extension: the service extensions of EHLO that sluice knows, by their keywords (RFC 5321 §2.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::smtp {

enum class Extension : std::uint8_t {
  pipelining,             // RFC 2920
  size,                   // RFC 1870
  eight_bit_mime,         // RFC 6152
  enhanced_status_codes,  // RFC 2034
  chunking,               // RFC 3030
  starttls,               // RFC 3207
  auth,                   // RFC 4954
  dsn,                    // RFC 3461
  limits,                 // RFC 9422
};

// "8BITMIME"
std::string_view keyword_of(Extension extension);

// The extension of a keyword in any case; nothing for one that sluice does not know.
std::optional<Extension> extension_of(std::string_view keyword);

}  // namespace sluice::smtp
