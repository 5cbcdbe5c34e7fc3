// ClientSettings: what a client's session needs to know about itself and demands of its peer.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/secret.h"

namespace sluice::smtp {

struct ClientTimeouts {  // RFC 5321 §4.5.3.2
  Duration greeting = std::chrono::minutes(5);
  Duration command = std::chrono::minutes(5);
  Duration data = std::chrono::minutes(3);    // between two progresses of the body
  Duration final = std::chrono::minutes(10);  // after the end of the message
};

// Whether a session that begins in clear becomes TLS (RFC 3207).
enum class StartTls : std::uint8_t {
  none,
  if_offered,
  required,  // a peer that does not offer it is none
};

// Who we are to the peer (RFC 4954).
struct ClientLogin {
  std::string user;
  Secret password;
};

struct ClientSettings {
  std::string hostname = {};  // EHLO
  ClientTimeouts timeouts = {};
  unsigned pipeline_depth = 8;     // messages in a flight, at most
  bool is_depth_grown = false;     // not at once: one more with each message that went well
  std::uint32_t messages_max = 0;  // of a connection; 0: as many as the peer allows
  StartTls starttls = StartTls::none;
  std::optional<ClientLogin> login = {};  // over TLS only: whoever sets it sees to that
};

}  // namespace sluice::smtp
