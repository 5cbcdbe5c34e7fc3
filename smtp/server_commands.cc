// What a server session answers to each command but those that carry a message: the order of
// commands (RFC 5321 §4.1.4), their replies (§4.3.2).
#include <fmt/format.h>

#include <string>
#include <utility>

#include "smtp/extension.h"
#include "smtp/server_session_state.h"

namespace sluice::smtp {
namespace {

constexpr std::string_view kCommandsText =
    "Commands: EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT";

Reply bad_sequence(std::string text) { return reply(503, {5, 5, 1}, std::move(text)); }

Reply takes_no_argument(Verb verb) {
  return reply(501, {5, 5, 4}, fmt::format("{} takes no argument", name_of(verb)));
}

}  // namespace

Task<void> ServerSession::State::answer(Command command) {
  if (is_refused_ && command.verb != Verb::quit) {
    reject(name_of(command.verb),
           bad_sequence("The connection was refused; only QUIT is answered"));
    co_return;
  }
  if (const auto refusal = refuse_in_clear(command.verb)) {
    reject(name_of(command.verb), *refusal);
    co_return;
  }
  switch (command.verb) {
    case Verb::helo:
    case Verb::ehlo:
      co_await hello(command);
      break;
    case Verb::starttls:
      co_await start_tls(command.argument);
      break;
    case Verb::auth:
      co_await authenticate(command.argument);
      break;
    case Verb::mail:
      co_await mail(command.argument);
      break;
    case Verb::rcpt:
      co_await recipient(command.argument);
      break;
    case Verb::data:
      co_await data(command.argument);
      break;
    case Verb::bdat:
      co_await chunk(command.argument);
      break;
    case Verb::rset:
      co_await reset(command.argument);
      break;
    case Verb::quit:
      co_await quit(command.argument);
      break;
    case Verb::vrfy:
      verify(command.argument);
      break;
    case Verb::noop:
      count_idle_command();
      accept(250, {2, 0, 0}, "Ok");
      break;
    case Verb::help:
      count_idle_command();
      accept(214, {2, 0, 0}, std::string(kCommandsText));
      break;
    case Verb::expn:
    case Verb::other:
      reject(name_of(command.verb), reply(502, {5, 5, 1}, "This command is not offered here"));
      break;
    case Verb::unknown:
      reject(name_of(command.verb),
             reply(500, {5, 5, 2}, "Unknown command; HELP lists those that are known"));
      break;
  }
}

// RFC 5321 §4.1.4: a new EHLO clears the transaction like RSET.
Task<void> ServerSession::State::hello(Command command) {
  count_idle_command();
  auto name = parse_hello(command.argument);
  if (!name) {
    reject(name_of(command.verb), name.error());
    co_return;
  }
  co_await void_transaction();
  client_.hello = std::move(name).value();
  client_.is_extended = command.verb == Verb::ehlo;
  has_said_hello_ = true;
  replies_.push(hello_reply());
}

// RFC 2034 §4: no enhanced code here.
Reply ServerSession::State::hello_reply() const {
  if (!client_.is_extended) return reply(250, {}, settings_.hostname);
  std::string text = fmt::format("{} greets {}", settings_.hostname, client_.hello);
  const auto add = [&text](Extension extension, std::string_view values = {}) {
    text += fmt::format("\n{}{}{}", keyword_of(extension), values.empty() ? "" : " ", values);
  };
  add(Extension::pipelining);
  add(Extension::size, std::to_string(settings_.message_bytes_max));
  add(Extension::eight_bit_mime);
  add(Extension::enhanced_status_codes);
  add(Extension::dsn);
  add(Extension::limits, fmt::format("RCPTMAX={}", settings_.recipients_max));
  if (offers_starttls()) add(Extension::starttls);
  if (offers_auth()) add(Extension::auth, kMechanismNames);
  add(Extension::chunking);
  return reply(250, {}, std::move(text));
}

Task<void> ServerSession::State::mail(std::string_view argument) {
  const auto name = name_of(Verb::mail);
  if (!has_said_hello_) co_return reject(name, bad_sequence("Say EHLO or HELO first"));
  if (transaction_.is_open) {
    co_return reject(name, bad_sequence("A message has been begun; end it, or give it up by RSET"));
  }
  auto parsed = parse_mail(argument);
  if (!parsed) co_return reject(name, parsed.error());
  // RFC 1870 §6.1
  if (parsed->size.value_or(0) > settings_.message_bytes_max) {
    co_return reject(name, reply(552, {5, 3, 4},
                                 fmt::format("The message is larger than the limit of {} bytes",
                                             settings_.message_bytes_max)));
  }
  const MailCommand command = std::move(parsed).value();
  const Reply answer = co_await handler_.on_mail(client_, command);
  transaction_.is_open = pass_on(name, answer);
}

Task<void> ServerSession::State::recipient(std::string_view argument) {
  const auto name = name_of(Verb::rcpt);
  if (!transaction_.is_open) co_return reject(name, bad_sequence("Say MAIL first"));
  if (transaction_.has_chunks) {  // RFC 3030 §2
    co_return reject(name, bad_sequence("RCPT must come before the first BDAT"));
  }
  auto parsed = parse_recipient(argument);
  if (!parsed) {
    ++transaction_.refused_recipients;
    co_return reject(name, parsed.error());
  }
  if (transaction_.recipients >= settings_.recipients_max) {  // RFC 5321 §4.5.3.1.10
    co_return reject(name,
                     reply(452, {4, 5, 3},
                           fmt::format("A message has at most {} recipients; send another one",
                                       settings_.recipients_max)));
  }
  const RecipientCommand command = std::move(parsed).value();
  const Reply answer = co_await handler_.on_recipient(client_, command);
  const bool is_accepted = pass_on(name, answer);
  ++(is_accepted ? transaction_.recipients : transaction_.refused_recipients);
}

Task<void> ServerSession::State::reset(std::string_view argument) {
  count_idle_command();
  if (!argument.empty()) co_return reject(name_of(Verb::rset), takes_no_argument(Verb::rset));
  co_await void_transaction();
  accept(250, {2, 0, 0}, "Ok");
}

Task<void> ServerSession::State::quit(std::string_view argument) {
  if (!argument.empty()) co_return reject(name_of(Verb::quit), takes_no_argument(Verb::quit));
  co_await void_transaction();
  accept(221, {2, 0, 0}, fmt::format("{} closing", settings_.hostname));
  is_closing_ = true;
}

// RFC 5321 §3.5.3: 252 where addresses are not verified; telling them would serve harvesters.
void ServerSession::State::verify(std::string_view argument) {
  count_idle_command();
  if (argument.empty()) {
    return reject(name_of(Verb::vrfy), reply(501, {5, 5, 4}, "Syntax: VRFY user@example.com"));
  }
  accept(252, {2, 0, 0}, "Addresses are not verified; a message for it may be accepted");
}

bool ServerSession::State::pass_on(std::string_view command, const Reply& answer) {
  if (answer.is_positive()) {
    replies_.push(answer);
  } else {
    reject(command, answer);
    is_closing_ = is_closing_ || answer.is_closing();
  }
  return answer.is_positive();
}

void ServerSession::State::accept(int code, EnhancedStatus enhanced, std::string text) {
  replies_.push(reply(code, enhanced, std::move(text)));
}

void ServerSession::State::reject(std::string_view command, const Reply& refusal) {
  handler_.on_rejected(client_, command, refusal);
  if (refusal.is_permanent()) ++errors_;
  replies_.push(refusal);
}

void ServerSession::State::count_idle_command() {
  if (++idle_commands_ > kIdleCommandsMax) ++errors_;
}

}  // namespace sluice::smtp
