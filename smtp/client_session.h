// ClientSession: the client's side of one SMTP connection, with deep pipelining (design: a writer
// and a reader over a bounded FIFO of expected replies).
//
// A connection's flight is what was sent and not yet answered. With CHUNKING and PIPELINING several
// messages travel in one flight as MAIL RCPT... BDAT LAST, each after the first begun by RSET
// (a documented departure from RFC 3030 §2, only after one whole transaction has succeeded). With
// PIPELINING only, the body of one message and MAIL RCPT DATA of the next share a flight. Else one
// command at a time. Every reply is attributed to its own message and recipient. Knows no queues,
// no policy and no retry. Lives on the shard of its stream.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/stream.h"
#include "core/task.h"
#include "smtp/body_type.h"
#include "smtp/client_opening.h"
#include "smtp/client_settings.h"
#include "smtp/dsn_parameters.h"
#include "smtp/peer_extensions.h"
#include "smtp/reply.h"
#include "smtp/transaction_result.h"

namespace sluice {
class Shard;
}

namespace sluice::smtp {

inline constexpr std::size_t kFlightBytesMax = 256 * 1024;
inline constexpr unsigned kPipelineDepthMax = 64;

// Messages that a session takes at once where the peer has PIPELINING without CHUNKING: the body
// of one, MAIL RCPT DATA of the next, and one more so that neither waits for its caller.
inline constexpr unsigned kDataDepthMax = 3;

// The bytes of a message in the order they are sent, not dot-stuffed.
class OutgoingBody {
 public:
  virtual ~OutgoingBody() = default;
  virtual std::uint64_t size() const = 0;
  // The next pieces; empty at the end. They stay valid until the next call, or until the message's
  // result is there when the last call returned everything at once. Not called again once size()
  // bytes were given.
  virtual Task<Result<std::span<const std::string_view>>> next() = 0;
};

struct OutgoingMessage {
  std::string reverse_path;             // without brackets; empty: null
  std::vector<std::string> recipients;  // without brackets, at least one
  // What the sender wants to hear, passed on to a peer that offers DSN: of each recipient, or
  // empty.
  std::vector<RecipientDsn> recipient_dsn = {};
  MessageDsn dsn = {};
  BodyType body_type = BodyType::seven_bit;
  OutgoingBody* body;  // outlives the call of send()
};

class ClientSession {
 public:
  // `upgrade` is for STARTTLS, and outlives open(); null where the settings ask for none.
  ClientSession(Shard& shard, const ClientSettings& settings, std::unique_ptr<Stream> stream,
                TlsUpgrade* upgrade = nullptr);
  ClientSession(const ClientSession&) = delete;
  ClientSession& operator=(const ClientSession&) = delete;
  ~ClientSession();  // asserts close()

  // The dialogue before the first message. When the peer refused, QUIT was said. Else the session's
  // writer and reader run until close().
  Task<Result<Opened>> open();
  // After open(): what TLS achieved here, by STARTTLS; whether it was tried and failed.
  const std::optional<tls::ConnectionFacts>& tls() const;
  bool has_tls_failed() const;

  const PeerExtensions& extensions() const;

  // Messages that may be handed to send() now without waiting. 0 once the session is finished or
  // has had its messages. It is 1 at most until one whole transaction succeeded, then up to
  // pipeline_depth; without CHUNKING up to kDataDepthMax, without PIPELINING 1.
  unsigned free_slots() const;
  unsigned in_flight() const;

  // Sends one message and returns what became of each recipient. May be called again before
  // earlier calls returned, up to free_slots(). Always answers, also when the task that awaits it
  // is cancelled: close() is what ends it early. The reply texts are cut to kVerdictTextBytesMax.
  Task<TransactionResult> send(OutgoingMessage message);

  // It has had as many messages as the settings or the peer's LIMITS (RFC 9422 §4.1) allow.
  bool is_used_up() const;

  // False after QUIT, 421, an error, or a peer that closed.
  bool is_usable() const;

  // Called once when a session that was opened has become finished and every message in flight has
  // its result: an idle connection that the peer closed shows itself so. It may set
  // events and take notes; it must not destroy or close the session.
  void on_finished(std::function<void()> callback);

  // Why the session finished; empty before, and after an orderly QUIT.
  std::string_view failure() const;

  // Lowers the depth to 1 for the rest of the connection (after a throttling reply, or for a
  // message that was in a flight that died).
  void limit_depth(unsigned depth);

  // QUIT when it is usable and idle, then closes. Messages in flight end as unknown or ambiguous.
  Task<void> close(Deadline deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::smtp
