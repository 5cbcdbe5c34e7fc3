// How a server session becomes encrypted (RFC 3207) and learns who its client is (RFC 4954).
#include <string>
#include <utility>

#include "core/log.h"
#include "core/shard.h"
#include "smtp/server_session_state.h"

namespace sluice::smtp {
namespace {

// From the 220 to STARTTLS to the end of the handshake.
constexpr Duration kHandshakeMax = std::chrono::seconds(60);

Reply bad_sequence(std::string text) { return reply(503, {5, 5, 1}, std::move(text)); }

// RFC 3207 §4: what may be said in clear where TLS is required.
bool may_be_clear(Verb verb) {
  switch (verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::starttls:
    case Verb::rset:
    case Verb::noop:
    case Verb::help:
    case Verb::quit:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool ServerSession::State::offers_starttls() const {
  const bool is_wanted =
      settings_.tls == TlsPolicy::starttls || settings_.tls == TlsPolicy::required;
  return is_wanted && upgrade_ != nullptr && !client_.tls;
}

bool ServerSession::State::offers_auth() const {
  const bool may_now = client_.tls.has_value() || settings_.allows_auth_in_clear;
  return settings_.auth != AuthPolicy::off && may_now && client_.user.empty();
}

std::optional<Reply> ServerSession::State::refuse_in_clear(Verb verb) const {
  const bool is_refused =
      settings_.tls == TlsPolicy::required && !client_.tls && !may_be_clear(verb);
  if (!is_refused) return std::nullopt;
  return reply(530, {5, 7, 0}, "Must issue a STARTTLS command first");
}

Task<void> ServerSession::State::start_tls(std::string_view argument) {
  if (const auto refusal = refuse_start_tls(argument)) {
    co_return reject(name_of(Verb::starttls), *refusal);
  }
  co_await void_transaction();
  while (pending_ > 0) {  // their replies go out in clear, before the 220
    const auto waited = co_await committed_.wait(session_end_);
    if (!waited) co_return close_for(waited.error());
  }
  lines_.release();
  upgrade_->discard_received();
  lines_.restart();
  accept(220, {2, 0, 0}, "Ready to start TLS");
  co_await secure();
}

std::optional<Reply> ServerSession::State::refuse_start_tls(std::string_view argument) const {
  if (client_.tls) return bad_sequence("TLS is active already");
  if (!offers_starttls()) return reply(502, {5, 5, 1}, "STARTTLS is not offered here");
  if (!argument.empty()) return reply(501, {5, 5, 4}, "STARTTLS takes no argument");
  if (!has_said_hello_) return bad_sequence("Say EHLO first");
  return std::nullopt;
}

// RFC 3207 §4.2: the session begins anew, without EHLO, and without what was said in clear.
Task<void> ServerSession::State::secure() {
  const Deadline deadline = Deadline::in(shard_.clock(), kHandshakeMax);
  const auto drained = co_await replies_.drain(deadline);
  if (!drained) co_return close_for(drained.error());
  auto facts = co_await upgrade_->secure(deadline);
  if (!facts) {
    SLUICE_LOG(info, "tls_failed", {"client", client_.peer.to_string()},
               {"error", facts.error().sentence()});
    is_closing_ = true;
    co_return replies_.abandon();
  }
  client_.tls = *std::move(facts);
  client_.hello.clear();
  client_.is_extended = false;
  client_.user.clear();
  has_said_hello_ = false;
  handler_.on_secured(client_);
}

Task<void> ServerSession::State::authenticate(std::string_view argument) {
  const auto name = name_of(Verb::auth);
  if (const auto refusal = refuse_auth()) co_return reject(name, *refusal);
  const auto command = parse_auth(argument);
  if (!command) co_return reject(name, command.error());
  const auto mechanism = parse_mechanism(command->mechanism);
  if (!mechanism) {
    co_return reject(name,
                     reply(504, {5, 5, 4}, "This mechanism is not offered: use PLAIN or LOGIN"));
  }
  AuthenticationExchange exchange(*mechanism);
  if (command->initial_response) {
    const auto refusal = exchange.respond_first(*command->initial_response);
    if (refusal) co_return reject(name, *refusal);
  }
  const bool has_credentials = co_await exchange_auth(exchange);
  if (!has_credentials) co_return;
  const Credentials credentials = exchange.take();
  const Reply answer = co_await handler_.on_authenticate(client_, credentials);
  if (pass_on(name, answer)) client_.user = credentials.user;
}

std::optional<Reply> ServerSession::State::refuse_auth() const {
  if (settings_.auth == AuthPolicy::off) return reply(502, {5, 5, 1}, "AUTH is not offered here");
  if (!client_.user.empty()) return bad_sequence("You have authenticated already");
  if (!has_said_hello_ || !client_.is_extended) return bad_sequence("Say EHLO first");
  if (transaction_.is_open) return bad_sequence("AUTH comes before MAIL, not within a message");
  if (!offers_auth()) {  // RFC 4954 §4
    return reply(538, {5, 7, 11}, "Encryption is required for AUTH: say STARTTLS first");
  }
  return std::nullopt;
}

Task<bool> ServerSession::State::exchange_auth(AuthenticationExchange& exchange) {
  while (!exchange.is_complete()) {
    replies_.push(exchange.challenge());
    auto line = lines_.try_read();
    if (!line) line = co_await wait_for_line();
    if (!line) co_return false;
    if (line->fault != Line::Fault::none) {  // RFC 4954 §4 and §6
      reject(name_of(Verb::auth),
             reply(500, {5, 5, 6}, "The answer to AUTH is too long, or no line"));
      co_return false;
    }
    if (const auto refusal = exchange.respond(line->text)) {
      reject(name_of(Verb::auth), *refusal);
      co_return false;
    }
  }
  co_return true;
}

}  // namespace sluice::smtp
