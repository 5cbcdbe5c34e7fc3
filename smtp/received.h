// The Received: field that each host puts on top of a message (RFC 5321 §4.4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "smtp/reception_handler.h"

namespace sluice::smtp {

// Whether the field tells where the message came from.
enum class ClientTrace : std::uint8_t { full, hidden };

struct TraceFacts {
  const ClientInfo& client;
  std::string_view hostname;    // ours
  std::string_view message_id;  // of the queue
  WallTime time;
  ClientTrace client_trace = ClientTrace::full;
};

// The whole field with its CRLF, folded below 78 columns wherever its words allow. What the client
// said of itself keeps only what a host name or an address literal may hold.
std::string received_field(const TraceFacts& facts);

}  // namespace sluice::smtp
