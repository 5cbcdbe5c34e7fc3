#include "smtp/dsn_parameters.h"

#include <utility>

#include "smtp/ascii.h"

namespace sluice::smtp {
namespace {

std::unexpected<Reply> refuse(std::string_view sentence) {
  return std::unexpected(reply(501, {5, 5, 4}, std::string(sentence)));
}

bool is_hex_digit(char c) { return is_digit(c) || (c >= 'A' && c <= 'F'); }

// RFC 3461 §4.2: addr-type = atom
bool is_address_type(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!is_letter(c) && !is_digit(c) && c != '-') return false;
  }
  return true;
}

Notify parse_keyword(std::string_view word) {
  if (equal_ignoring_case(word, "SUCCESS")) return Notify::success;
  if (equal_ignoring_case(word, "FAILURE")) return Notify::failure;
  if (equal_ignoring_case(word, "DELAY")) return Notify::delay;
  return Notify::unset;
}

}  // namespace

bool is_xtext(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_visible(text[i]) || text[i] == '=') return false;
    if (text[i] != '+') continue;
    const bool is_encoded =
        text.size() - i > 2 && is_hex_digit(text[i + 1]) && is_hex_digit(text[i + 2]);
    if (!is_encoded) return false;
    i += 2;
  }
  return true;
}

std::expected<ReturnContent, Reply> parse_return_content(std::string_view value) {
  if (equal_ignoring_case(value, "FULL")) return ReturnContent::full;
  if (equal_ignoring_case(value, "HDRS")) return ReturnContent::headers;
  return refuse("RET must be FULL or HDRS");
}

std::expected<std::string, Reply> parse_envelope_id(std::string_view value) {
  if (value.empty() || value.size() > kEnvelopeIdBytesMax) {
    return refuse("ENVID takes from 1 to 100 characters");
  }
  if (!is_xtext(value)) return refuse("ENVID must be encoded as xtext (RFC 3461 section 4)");
  return std::string(value);
}

std::expected<Notify, Reply> parse_notify(std::string_view value) {
  constexpr std::string_view kForm = "NOTIFY must be NEVER, or SUCCESS, FAILURE, DELAY with commas";
  if (equal_ignoring_case(value, "NEVER")) return Notify::never;
  Notify all = Notify::unset;
  while (true) {
    const std::size_t comma = value.find(',');
    const Notify one = parse_keyword(value.substr(0, comma));
    if (one == Notify::unset || has(all, one)) return refuse(kForm);
    all = all | one;
    if (comma == std::string_view::npos) return all;
    value.remove_prefix(comma + 1);
  }
}

std::expected<std::string, Reply> parse_original_recipient(std::string_view value) {
  if (value.size() > kOriginalRecipientBytesMax) {
    return refuse("ORCPT takes at most 500 characters");
  }
  const std::size_t semicolon = value.find(';');
  const bool has_both = semicolon != std::string_view::npos && semicolon + 1 < value.size();
  if (!has_both || !is_address_type(value.substr(0, semicolon))) {
    return refuse("ORCPT must name the kind of address: ORCPT=rfc822;user@example.com");
  }
  if (!is_xtext(value.substr(semicolon + 1))) {
    return refuse("The address of ORCPT must be encoded as xtext (RFC 3461 section 4)");
  }
  return std::string(value);
}

std::string mail_parameters(const MessageDsn& dsn) {
  std::string text;
  if (dsn.content == ReturnContent::full) text += " RET=FULL";
  if (dsn.content == ReturnContent::headers) text += " RET=HDRS";
  if (!dsn.envelope_id.empty()) text += " ENVID=" + dsn.envelope_id;
  return text;
}

std::string recipient_parameters(const RecipientDsn& dsn) {
  std::string notify;
  const auto add = [&](Notify one, std::string_view name) {
    if (!has(dsn.notify, one)) return;
    notify += notify.empty() ? " NOTIFY=" : ",";
    notify += name;
  };
  add(Notify::never, "NEVER");
  add(Notify::success, "SUCCESS");
  add(Notify::failure, "FAILURE");
  add(Notify::delay, "DELAY");
  if (dsn.original_recipient.empty()) return notify;
  return notify + " ORCPT=" + dsn.original_recipient;
}

}  // namespace sluice::smtp
