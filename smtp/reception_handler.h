// ReceptionHandler: what the relay decides while a server session speaks. One object per session.
//
// The session knows the protocol and no policy; the handler knows the policy and no protocol. A
// positive Reply lets the session go on, any other is sent and undoes the step.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/ip_address.h"
#include "core/task.h"
#include "smtp/command.h"
#include "smtp/credentials.h"
#include "smtp/reply.h"
#include "tls/connection_facts.h"

namespace sluice::smtp {

// Who is connected. Filled as the session learns it.
struct ClientInfo {
  Endpoint peer;
  Endpoint local;
  std::string hello;                             // argument of HELO or EHLO
  bool is_extended = false;                      // EHLO
  std::optional<tls::ConnectionFacts> tls = {};  // unset: in clear
  std::string user = {};                         // authenticated; empty: not
};

class ReceptionHandler {
 public:
  virtual ~ReceptionHandler() = default;

  // The greeting: 220, or 421/554 to refuse the connection.
  virtual Task<Reply> on_connect(const ClientInfo& client) = 0;

  // AUTH: 235 when the client is who it says; then client.user is set. 421 ends the connection.
  virtual Task<Reply> on_authenticate(const ClientInfo& client, const Credentials& credentials) = 0;

  // STARTTLS: the client knows nothing of what it said before, and nor must the handler.
  virtual void on_secured(const ClientInfo& client) = 0;

  // MAIL: 250, or a refusal. SIZE reserves here.
  virtual Task<Reply> on_mail(const ClientInfo& client, const MailCommand& command) = 0;

  // RCPT: 250/251, or a refusal of this recipient. The session counts the limit of recipients.
  virtual Task<Reply> on_recipient(const ClientInfo& client, const RecipientCommand& command) = 0;

  // The next bytes of the message: dot-unstuffed, CRLF checked, in order. A negative reply ends the
  // message: the session discards the rest up to its end, answers with it, and calls on_reset.
  virtual Task<Reply> on_body(std::string_view bytes) = 0;

  // The message is complete. Takes the transaction over before its first suspension, since the
  // session goes on with the next one while this waits for its commit (up to
  // kPendingMessagesMax, replies in order). Never cancelled: what it stores stays accepted.
  virtual Task<Reply> on_end() = 0;

  // The transaction is void: RSET, a new EHLO, a refused body, or the connection ended.
  virtual Task<void> on_reset() = 0;

  // A negative reply is about to be sent to `command` (its verb, or "body"); for logs and counters.
  virtual void on_rejected(const ClientInfo& client, std::string_view command,
                           const Reply& reply) = 0;
};

}  // namespace sluice::smtp
