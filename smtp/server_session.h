// ServerSession: the server's side of one SMTP connection (RFC 5321, 1870, 2034, 2920, 3030, 6152).
//
// Reads commands, keeps the order that RFC 5321 §4.1.4 asks for, receives messages by DATA and
// BDAT, and asks its ReceptionHandler what to answer. Replies to a pipelined batch leave in one
// write. While earlier messages await their commit it goes on reading; replies stay in order.
// It stores nothing and decides nothing. Lives on the shard of its stream.
#pragma once

#include <cstdint>
#include <memory>

#include "core/stream.h"
#include "core/task.h"
#include "core/units.h"
#include "smtp/reception_handler.h"
#include "smtp/tls_upgrade.h"

namespace sluice {
class Shard;
}

namespace sluice::smtp {

inline constexpr std::size_t kCommandLineBytesMax =
    2048;  // RFC 5321 §4.5.3.1.4 asks for 512; extensions add
inline constexpr std::size_t kPendingMessagesMax = 16;  // awaiting their commit, per connection

// Encryption: none; STARTTLS is offered; it must come before anything else (RFC 3207); it came
// before the greeting (RFC 8314).
enum class TlsPolicy : std::uint8_t { none, starttls, required, implicit };
// AUTH (RFC 4954): not offered; offered; offered, and the handler refuses who does without.
enum class AuthPolicy : std::uint8_t { off, optional, required };

struct ServerSettings {
  std::string hostname;  // in greeting and EHLO
  std::uint64_t message_bytes_max = 50'000'000;
  std::uint32_t recipients_max = 1000;
  std::uint32_t errors_max = 20;                        // then 421 4.7.0 and close
  Duration command_idle_max = std::chrono::minutes(5);  // RFC 5321 §4.5.3.2.7
  Duration data_idle_max = std::chrono::minutes(3);     // between two progresses of a body
  Duration session_max = std::chrono::hours(24);
  bool normalises_newlines = false;  // bare_newlines = "normalise"
  TlsPolicy tls = TlsPolicy::none;
  AuthPolicy auth = AuthPolicy::off;
  bool allows_auth_in_clear = false;
  // A body may take data_idle_max of waiting, and a second more for each so many bytes: whoever
  // drips them keeps no connection.
  std::uint32_t body_bytes_per_second_min = 100;
  // Received: fields of a message; more is a loop. RFC 5321 §6.3 asks for a threshold of 100; 50 is
  // what most servers take, and ends a loop after half of the copies.
  std::uint32_t received_headers_max = 50;
};

class ServerSession {
 public:
  // What it stands on outlives the session. `upgrade`: null where there is no STARTTLS.
  struct Parts {
    Shard& shard;
    const ServerSettings& settings;
    Stream& stream;
    ReceptionHandler& handler;
    TlsUpgrade* upgrade = nullptr;
  };
  ServerSession(const Parts& parts, ClientInfo client);
  ~ServerSession();

  // The whole conversation, until either side ends it. Does not close the stream. When its task is
  // cancelled it ends at once, but awaits the messages that are past their final dot.
  Task<void> run();

  // Graceful stop, from the same shard: the transaction in progress may finish; then, or at once
  // where there is none, "421 4.3.2 closing". Safe to call twice.
  void request_stop();

  // True while a complete message awaits its commit.
  bool has_pending_messages() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::smtp
