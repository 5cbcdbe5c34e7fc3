#include "smtp/authentication.h"

#include <utility>

#include "core/assert.h"
#include "smtp/ascii.h"
#include "smtp/base64.h"

namespace sluice::smtp {
namespace {

Reply malformed(std::string_view sentence) { return reply(501, {5, 5, 2}, std::string(sentence)); }

Reply too_long() { return malformed("The user name or the password is too long"); }

// The names under which clients of AUTH LOGIN expect to be asked.
constexpr std::string_view kAskUser = "Username:";
constexpr std::string_view kAskPassword = "Password:";

}  // namespace

std::optional<Mechanism> parse_mechanism(std::string_view name) {
  if (equal_ignoring_case(name, "PLAIN")) return Mechanism::plain;
  if (equal_ignoring_case(name, "LOGIN")) return Mechanism::login;
  return std::nullopt;
}

AuthenticationExchange::~AuthenticationExchange() { wipe(password_); }

Reply AuthenticationExchange::challenge() const {
  SLUICE_ASSERT(!is_complete_, "nothing more is asked for");
  if (mechanism_ == Mechanism::plain) return reply(334, {}, "");
  return reply(334, {}, encode_base64(has_user_ ? kAskPassword : kAskUser));
}

std::optional<Reply> AuthenticationExchange::respond_first(std::string_view text) {
  return respond(text == "=" ? std::string_view() : text);
}

std::optional<Reply> AuthenticationExchange::respond(std::string_view line) {
  SLUICE_ASSERT(!is_complete_, "nothing more is asked for");
  if (line == "*") return reply(501, {5, 7, 0}, "Authentication given up, as you asked");
  auto decoded = decode_base64(line);
  if (!decoded) return malformed("This is no base64 (RFC 4648) of one line");
  return mechanism_ == Mechanism::plain ? take_plain(std::move(*decoded))
                                        : take_login(std::move(*decoded));
}

// RFC 4616 §2: message = [authzid] NUL authcid NUL passwd
std::optional<Reply> AuthenticationExchange::take_plain(std::string message) {
  const std::size_t first = message.find('\0');
  const std::size_t second = first == std::string::npos ? first : message.find('\0', first + 1);
  const bool is_well_formed =
      second != std::string::npos && message.find('\0', second + 1) == std::string::npos;
  if (!is_well_formed) {
    wipe(message);
    return malformed("AUTH PLAIN takes a user name and a password, each behind a NUL (RFC 4616)");
  }
  const std::string authorised = message.substr(0, first);
  user_ = message.substr(first + 1, second - first - 1);
  password_ = message.substr(second + 1);
  wipe(message);
  if (user_.size() > kUserBytesMax || password_.size() > kPasswordBytesMax) return too_long();
  if (user_.empty()) return malformed("The user name is empty");
  if (!authorised.empty() && authorised != user_) {
    return reply(535, {5, 7, 8}, "A user can act for itself only: leave the identity empty");
  }
  is_complete_ = true;
  return std::nullopt;
}

std::optional<Reply> AuthenticationExchange::take_login(std::string word) {
  const bool has_nul = word.find('\0') != std::string::npos;
  const bool is_long = word.size() > (has_user_ ? kPasswordBytesMax : kUserBytesMax);
  if (has_nul || is_long) {
    wipe(word);
    return has_nul ? malformed("A NUL is no part of a name or a password") : too_long();
  }
  if (has_user_) {
    password_ = std::move(word);
    is_complete_ = true;
    return std::nullopt;
  }
  if (word.empty()) return malformed("The user name is empty");
  user_ = std::move(word);
  has_user_ = true;
  return std::nullopt;
}

Credentials AuthenticationExchange::take() {
  SLUICE_ASSERT(is_complete_, "the exchange has ended well");
  return {.user = std::move(user_), .password = Secret(std::exchange(password_, {}))};
}

}  // namespace sluice::smtp
