// The parameters of MAIL and RCPT that ask for delivery status notifications (RFC 3461 §4): what is
// asked, as it travels with the envelope. Texts stay encoded (xtext), as they are passed on.
// Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "smtp/reply.h"

namespace sluice::smtp {

inline constexpr std::size_t kEnvelopeIdBytesMax = 100;         // RFC 3461 §4.4
inline constexpr std::size_t kOriginalRecipientBytesMax = 500;  // RFC 3461 §4.2

// RET: how much of the message a notification of failure holds.
enum class ReturnContent : std::uint8_t { unset, full, headers };

// NOTIFY: about what the sender wants to hear, for one recipient. Without any: as the server does.
enum class Notify : std::uint8_t { unset = 0, never = 1, success = 2, failure = 4, delay = 8 };
// A set of them out of its bits.
constexpr Notify notify_of(std::uint8_t bits) {
  // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): sets have values between the
  // names
  return static_cast<Notify>(bits);
}
constexpr Notify operator|(Notify a, Notify b) {
  return notify_of(
      static_cast<std::uint8_t>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b)));
}
constexpr bool has(Notify all, Notify one) {
  return (static_cast<std::uint8_t>(all) & static_cast<std::uint8_t>(one)) != 0;
}

// Of MAIL.
struct MessageDsn {
  ReturnContent content = ReturnContent::unset;
  std::string envelope_id = {};  // ENVID as xtext; empty: none

  bool is_empty() const { return content == ReturnContent::unset && envelope_id.empty(); }
  friend bool operator==(const MessageDsn&, const MessageDsn&) = default;
};

// Of RCPT.
struct RecipientDsn {
  Notify notify = Notify::unset;
  std::string original_recipient = {};  // ORCPT: "rfc822;xtext"; empty: none

  bool is_empty() const { return notify == Notify::unset && original_recipient.empty(); }
  friend bool operator==(const RecipientDsn&, const RecipientDsn&) = default;
};

// The values, or the reply that refuses them.
std::expected<ReturnContent, Reply> parse_return_content(std::string_view value);
std::expected<std::string, Reply> parse_envelope_id(std::string_view value);
std::expected<Notify, Reply> parse_notify(std::string_view value);
std::expected<std::string, Reply> parse_original_recipient(std::string_view value);

// As they stand behind MAIL and RCPT, each with a space before it; empty when nothing is asked.
std::string mail_parameters(const MessageDsn& dsn);
std::string recipient_parameters(const RecipientDsn& dsn);

// RFC 3461 §4: "+" and two upper-case hexadecimal digits stand for a byte; "+" and "=" never stand
// for themselves.
bool is_xtext(std::string_view text);

}  // namespace sluice::smtp
