// TransactionResult: what became of one message on one connection, recipient by recipient.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/reply.h"

namespace sluice::smtp {

// The command that a reply answered, for logs and for whose fault it was.
enum class ReplyStage : std::uint8_t {
  routing,  // our own verdict: no host was asked
  connect,
  greeting,
  hello,
  starttls,
  login,
  mail,
  recipient,
  data,
  body,
  final
};
std::string_view name_of(ReplyStage stage);

// How one message ended on this connection.
enum class TransactionEnd : std::uint8_t {
  answered,       // every recipient has its verdict in `recipients`
  not_attempted,  // nothing of it counts: after a 421, or never sent. No attempt is used
  unknown,        // the connection died before its fate was told: retry, depth 1
  ambiguous,      // it died after the end of the message was sent: retry, a duplicate is possible
  cannot_send,    // SIZE or 8BITMIME of the peer forbids it; `verdict` says which (5.3.4, 5.6.3)
  body_failed,    // our own OutgoingBody failed; the connection is given up if a part was sent
};
std::string_view name_of(TransactionEnd end);

struct TransactionResult {
  TransactionEnd end = TransactionEnd::not_attempted;
  // For `answered`: one per recipient, in order. The reply is that to MAIL, RCPT, DATA or the end
  // of the message, whichever decided.
  struct Verdict {
    Reply reply;
    ReplyStage stage = ReplyStage::mail;
  };
  std::vector<Verdict> recipients;
  Verdict verdict;    // otherwise: what ended it, where a reply did
  std::string error;  // otherwise: the sentence of the Error, where one did
};

}  // namespace sluice::smtp
