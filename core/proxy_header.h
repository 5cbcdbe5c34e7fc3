// ProxyHeader: for whom a proxy connected, in the first bytes of its connection: the PROXY
// protocol, versions 1 (text) and 2 (binary), as HAProxy specifies them in doc/proxy-protocol.txt.
//
// It believes what it reads: who may announce a client is the listener's matter. Of the extensions
// of version 2 only the checksum is looked at. Parsing is pure; reading is on the stream's shard.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "core/ip_address.h"
#include "core/stream.h"
#include "core/task.h"

namespace sluice {

inline constexpr std::size_t kProxyLineBytesMax = 107;     // of version 1, with its CRLF
inline constexpr std::size_t kProxyHeaderBytesMax = 4096;  // of version 2, with its extensions

// The two ends of the connection that the proxy accepted.
struct AnnouncedEnds {
  Endpoint client;
  Endpoint server;
  friend bool operator==(const AnnouncedEnds&, const AnnouncedEnds&) = default;
};

struct ProxyHeader {
  std::optional<AnnouncedEnds> announced;  // nothing: LOCAL or UNKNOWN, or not of TCP
  std::size_t bytes;                       // that it takes
  friend bool operator==(const ProxyHeader&, const ProxyHeader&) = default;
};

// What `received` begins with; nothing while more of it must come. syntax: it is no header, or a
// wrong one; limit_exceeded: it is longer than the bounds.
Result<std::optional<ProxyHeader>> parse_proxy_header(std::string_view received);

// Whether it begins as no other protocol does: for a peer that should not announce anybody.
bool begins_proxy_header(std::string_view received);

// Waits for the header and consumes it; what follows it stays. All of it within the deadline.
Task<Result<ProxyHeader>> read_proxy_header(Stream& stream, Deadline deadline, const Clock& clock);

}  // namespace sluice
