// PeerExtensions: what a server offers in its reply to EHLO (RFC 5321 §4.1.1.1), as far as a client
// acts on it.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::smtp {

struct PeerExtensions {
  bool pipelining = false;      // RFC 2920
  bool chunking = false;        // RFC 3030
  bool eight_bit_mime = false;  // RFC 6152
  bool dsn = false;             // RFC 3461
  bool starttls = false;        // RFC 3207
  bool auth_plain = false;      // RFC 4954, and its mechanisms
  bool auth_login = false;
  bool size = false;                 // RFC 1870
  std::uint64_t size_max = 0;        // of a message, in bytes; 0: no limit told
  std::uint32_t mail_max = 0;        // RFC 9422: messages of a connection; 0: no limit told
  std::uint32_t recipients_max = 0;  // likewise: recipients of a message
};

// Reads the text of a positive reply to EHLO: lines separated by '\n', of which the first is the
// server's name. Unknown keywords and unreadable arguments are passed over.
PeerExtensions parse_peer_extensions(std::string_view text);

}  // namespace sluice::smtp
