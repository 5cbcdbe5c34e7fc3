// ClientOpening: a client's dialogue before the first message: greeting, EHLO, STARTTLS and EHLO
// again, AUTH. One command at a time. Nothing that was said in clear counts under TLS.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/stream.h"
#include "core/task.h"
#include "smtp/client_settings.h"
#include "smtp/peer_extensions.h"
#include "smtp/reply.h"
#include "smtp/reply_reader.h"
#include "smtp/tls_upgrade.h"
#include "smtp/transaction_result.h"

namespace sluice::smtp {

// How it went: without a refusal, mail may be sent.
struct Opened {
  std::optional<Reply> refusal;  // the peer's, at that stage
  ReplyStage stage;
};

// AUTH PLAIN with an initial response (RFC 4954 §4, RFC 4616 §2), as a line. It holds the password.
std::string plain_login(std::string_view user, std::string_view password);

class ClientOpening {
 public:
  // All of it outlives run(). `upgrade` may be null where the settings ask for no STARTTLS.
  struct Parts {
    const Clock& clock;
    Stream& stream;
    ReplyReader& replies;
    const ClientSettings& settings;
    TlsUpgrade* upgrade;
  };
  explicit ClientOpening(const Parts& parts) : parts_(parts) {}

  // Once. A value with a negative reply is the peer's refusal; an Error is a broken connection, or
  // a peer that lacks what is required (unsupported).
  Task<Result<Opened>> run();

  const PeerExtensions& extensions() const { return extensions_; }
  const std::optional<tls::ConnectionFacts>& tls() const { return tls_; }
  // STARTTLS was refused, or the handshake failed; not because our own side gave up.
  bool has_tls_failed() const { return has_tls_failed_; }

 private:
  Task<Result<Opened>> hello();
  Task<Result<Opened>> secure();
  Task<Result<Opened>> log_in();
  Task<Result<Reply>> log_in_by_dialogue();
  Task<Result<Reply>> say(std::string_view command, std::string_view name);
  Task<Result<Reply>> say_secret(std::string text, std::string_view name);

  Parts parts_;
  PeerExtensions extensions_;
  std::optional<tls::ConnectionFacts> tls_;
  bool has_tls_failed_ = false;
};

}  // namespace sluice::smtp
