#include "relay/refusals.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "smtp/ascii.h"

namespace sluice::relay {

using smtp::Reply;
using smtp::reply;

Reply refuse(RejectionReason reason, Reply reply) {
  reply.reason = mark_of(reason);
  return reply;
}

Reply too_many_from_address() {
  return refuse(
      RejectionReason::too_many_connections,
      reply(421, {4, 7, 0}, "Too many connections from your address, close some and try again"));
}

Reply too_many_connections() {
  return refuse(RejectionReason::too_many_connections,
                reply(421, {4, 7, 0}, "Too many connections, try again later"));
}

Reply connects_too_often() {
  return refuse(RejectionReason::too_many_connections,
                reply(421, {4, 7, 0},
                      "Too many new connections from your address: reuse one for many messages"));
}

Reply server_is_stopping() {
  return refuse(RejectionReason::stopping,
                reply(421, {4, 3, 2}, "This server is stopping, try again later"));
}

Reply relay_denied() {
  return refuse(RejectionReason::relay_denied,
                reply(550, {5, 7, 1},
                      "Relay access denied: your network is not among those that may relay here "
                      "(relay_networks)"));
}

// RFC 4954 §6.
Reply authentication_required() {
  return refuse(RejectionReason::authentication_required,
                reply(530, {5, 7, 0}, "Authentication required: log in with AUTH first"));
}

Reply sender_denied(std::string_view reverse_path) {
  return refuse(RejectionReason::sender_denied,
                reply(550, {5, 7, 1},
                      fmt::format("Your user may not send as <{}>: use a sender that is permitted "
                                  "to it (senders)",
                                  reverse_path)));
}

Reply null_sender_denied() {
  return refuse(
      RejectionReason::sender_denied,
      reply(550, {5, 7, 1}, "Your user may not send with the null reverse-path <> (null_sender)"));
}

Reply from_denied(std::string_view address) {
  return refuse(RejectionReason::sender_denied,
                reply(550, {5, 7, 1},
                      fmt::format("Your user may not send with From: {}: use an address that is "
                                  "permitted to it (from)",
                                  address)));
}

// RFC 5322 §3.6: exactly one From field.
Reply from_missing() {
  return refuse(RejectionReason::content,
                reply(554, {5, 6, 0}, "The message needs one From field with an address"));
}

Reply header_denied(std::string_view header, std::string_view value) {
  return refuse(RejectionReason::sender_denied,
                reply(550, {5, 7, 1}, fmt::format("Your user may not set {}: {}", header, value)));
}

Reply user_vanished() {
  return refuse(RejectionReason::authentication_failed,
                reply(421, {4, 7, 0},
                      "Your user was changed, disabled or removed: connect and log in again"));
}

Reply tenant_vanished(std::string_view tenant) {
  return refuse(
      RejectionReason::tenant_suspended,
      reply(450, {4, 7, 1},
            fmt::format("This server has no tenant {} any more, ask its operator", tenant)));
}

Reply tenant_suspended() {
  return refuse(RejectionReason::tenant_suspended,
                reply(450, {4, 7, 1}, "Your account is suspended, ask the operator"));
}

Reply sends_too_fast(Duration wait) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  return refuse(RejectionReason::rate,
                reply(450, {4, 7, 1},
                      fmt::format("Too many recipients in a short time (accept_rate), try again in "
                                  "{} seconds",
                                  std::max<std::int64_t>(1, seconds))));
}

Reply quota_used_up(std::uint64_t quota) {
  return refuse(RejectionReason::quota,
                reply(452, {4, 5, 3},
                      fmt::format("The quota of {} recipients a day is used up, try again tomorrow "
                                  "(UTC)",
                                  quota)));
}

Reply tenant_queue_full() {
  return refuse(RejectionReason::tenant_queue_full,
                reply(452, {4, 3, 1},
                      "Too much mail of your account waits to be delivered, try again later"));
}

// What goes before the local delivery that a relay does not have.
Reply no_local_delivery(const smtp::Address& recipient) {
  if (smtp::equal_ignoring_case(recipient.local_part, "postmaster")) {
    return refuse(RejectionReason::bad_recipient,
                  reply(550, {5, 1, 1}, "No local delivery here: write postmaster@your.domain"));
  }
  return refuse(RejectionReason::bad_recipient,
                reply(550, {5, 1, 3}, "The recipient needs a domain: user@example.com"));
}

Reply literal_recipient() {
  return refuse(RejectionReason::bad_recipient,
                reply(550, {5, 1, 2}, "Address literals are not relayed here"));
}

Reply no_route(const smtp::Address& recipient) {
  return refuse(RejectionReason::no_route,
                reply(550, {5, 7, 1},
                      fmt::format("No route for {}: no [[route]] of this server has that domain",
                                  recipient.domain)));
}

Reply too_many_recipients(std::size_t recipients_max) {
  return refuse(
      RejectionReason::too_many_recipients,
      reply(452, {4, 5, 3},
            fmt::format("Too many recipients: at most {} in one message", recipients_max)));
}

Reply message_too_large(std::uint64_t bytes_max) {
  return refuse(RejectionReason::too_large,
                reply(552, {5, 3, 4},
                      fmt::format("Message too large: at most {} bytes are accepted", bytes_max)));
}

Reply no_storage() {
  return refuse(RejectionReason::insufficient_storage,
                reply(452, {4, 3, 1}, "Insufficient system storage, try again later"));
}

Reply storage_failed(const Error& error) {
  const bool is_full =
      error.code() == ErrorCode::storage_full || error.code() == ErrorCode::out_of_budget;
  if (is_full) return no_storage();
  return refuse(RejectionReason::storage_failed,
                reply(451, {4, 3, 0}, "The message could not be stored, try again later"));
}

}  // namespace sluice::relay
