#include "smtp/client_opening.h"

#include <fmt/format.h>

#include <utility>

#include "core/assert.h"
#include "smtp/base64.h"

namespace sluice::smtp {
namespace {

constexpr int kReady = 220;     // to STARTTLS (RFC 3207 §4)
constexpr int kContinue = 334;  // of AUTH (RFC 4954 §4)
constexpr int kAuthenticated = 235;

Opened proceed(ReplyStage stage) { return {.refusal = std::nullopt, .stage = stage}; }

Opened refused(Reply reply, ReplyStage stage) {
  return {.refusal = std::move(reply), .stage = stage};
}

}  // namespace

std::string plain_login(std::string_view user, std::string_view password) {
  std::string credentials = fmt::format("{}{}{}{}", '\0', user, '\0', password);
  std::string line = fmt::format("AUTH PLAIN {}\r\n", encode_base64(credentials));
  wipe(credentials);
  return line;
}

Task<Result<Opened>> ClientOpening::run() {
  const auto deadline = Deadline::in(parts_.clock, parts_.settings.timeouts.greeting);
  auto greeting = co_await parts_.replies.read(deadline);
  if (!greeting) co_return std::unexpected(std::move(greeting).error().within("greeting"));
  if (!greeting->is_completion()) {
    co_return refused(*std::move(greeting), ReplyStage::greeting);
  }
  SLUICE_CO_TRY(greeted, co_await hello());
  if (greeted.refusal) co_return greeted;
  if (parts_.settings.starttls != StartTls::none) {
    SLUICE_CO_TRY(secured, co_await secure());
    if (secured.refusal) co_return secured;
  }
  if (parts_.settings.login) co_return co_await log_in();
  co_return proceed(ReplyStage::hello);
}

Task<Result<Opened>> ClientOpening::hello() {
  const std::string& hostname = parts_.settings.hostname;
  const std::string ehlo = fmt::format("EHLO {}\r\n", hostname);
  SLUICE_CO_TRY(extended, co_await say(ehlo, "EHLO"));
  if (extended.is_completion()) {
    extensions_ = parse_peer_extensions(extended.text);
    co_return proceed(ReplyStage::hello);
  }
  if (!extended.is_permanent()) co_return refused(std::move(extended), ReplyStage::hello);
  // RFC 5321 §3.2: a server that does not know EHLO may know HELO.
  extensions_ = PeerExtensions();
  const std::string helo = fmt::format("HELO {}\r\n", hostname);
  SLUICE_CO_TRY(plain, co_await say(helo, "HELO"));
  if (!plain.is_completion()) co_return refused(std::move(plain), ReplyStage::hello);
  co_return proceed(ReplyStage::hello);
}

Task<Result<Opened>> ClientOpening::secure() {
  if (!extensions_.starttls) {
    const bool is_required = parts_.settings.starttls == StartTls::required;
    if (is_required) co_return fail(ErrorCode::unsupported, "the host does not offer STARTTLS");
    co_return proceed(ReplyStage::starttls);
  }
  SLUICE_ASSERT(parts_.upgrade != nullptr, "whoever asks for STARTTLS gives the means");
  SLUICE_CO_TRY(answer, co_await say("STARTTLS\r\n", "STARTTLS"));
  if (answer.code != kReady) {
    has_tls_failed_ = true;
    co_return refused(std::move(answer), ReplyStage::starttls);
  }
  parts_.upgrade->discard_received();
  const auto deadline = Deadline::in(parts_.clock, parts_.settings.timeouts.command);
  auto secured = co_await parts_.upgrade->secure(deadline);
  if (!secured) {
    has_tls_failed_ = secured.error().code() != ErrorCode::cancelled;
    co_return std::unexpected(std::move(secured).error().within("TLS"));
  }
  tls_ = *std::move(secured);
  // RFC 3207 §4.2: what was offered in clear is forgotten.
  co_return co_await hello();
}

Task<Result<Opened>> ClientOpening::log_in() {
  if (!extensions_.auth_plain && !extensions_.auth_login) {
    co_return fail(ErrorCode::unsupported, "the host offers neither AUTH PLAIN nor AUTH LOGIN");
  }
  const ClientLogin& login = *parts_.settings.login;
  auto dialogue = extensions_.auth_plain
                      ? say_secret(plain_login(login.user, login.password.reveal()), "AUTH")
                      : log_in_by_dialogue();
  auto answer = co_await dialogue;
  if (!answer) co_return std::unexpected(std::move(answer).error());
  if (answer->code != kAuthenticated) co_return refused(*std::move(answer), ReplyStage::login);
  co_return proceed(ReplyStage::login);
}

// AUTH LOGIN: it asks for the user, then for the password; with which words does not matter.
Task<Result<Reply>> ClientOpening::log_in_by_dialogue() {
  const ClientLogin& login = *parts_.settings.login;
  SLUICE_CO_TRY(asks_user, co_await say("AUTH LOGIN\r\n", "AUTH"));
  if (asks_user.code != kContinue) co_return asks_user;
  const std::string user = encode_base64(login.user) + "\r\n";
  SLUICE_CO_TRY(asks_password, co_await say(user, "AUTH"));
  if (asks_password.code != kContinue) co_return asks_password;
  std::string password = encode_base64(login.password.reveal()) + "\r\n";
  co_return co_await say_secret(std::move(password), "AUTH");
}

Task<Result<Reply>> ClientOpening::say(std::string_view command, std::string_view name) {
  const std::string_view pieces[] = {command};
  const auto deadline = Deadline::in(parts_.clock, parts_.settings.timeouts.command);
  auto sent = co_await parts_.stream.send(pieces, deadline);
  if (!sent) co_return std::unexpected(std::move(sent).error().within(name));
  auto answered = co_await parts_.replies.read(deadline);
  if (!answered) co_return std::unexpected(std::move(answered).error().within(name));
  co_return answered;
}

Task<Result<Reply>> ClientOpening::say_secret(std::string text, std::string_view name) {
  auto answered = co_await say(text, name);
  wipe(text);
  co_return answered;
}

}  // namespace sluice::smtp
