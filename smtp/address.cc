#include "smtp/address.h"

#include <algorithm>

#include "core/ip_address.h"
#include "smtp/ascii.h"

namespace sluice::smtp {
namespace {

constexpr std::size_t kLabelBytesMax = 63;  // RFC 1035 §2.3.4
constexpr std::string_view kIpv6Tag = "IPv6:";

// RFC 5322 §3.2.3: atext.
bool is_atom_char(char c) {
  return is_letter(c) || is_digit(c) ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

// RFC 5321 §4.1.2: Dot-string = Atom *("." Atom)
bool is_dot_string(std::string_view text) {
  bool needs_atom = true;
  for (const char c : text) {
    if (c == '.' && needs_atom) return false;
    if (c != '.' && !is_atom_char(c)) return false;
    needs_atom = c == '.';
  }
  return !needs_atom;
}

// RFC 5321 §4.1.2: the bytes of a quoted string with its quotes, 0 when the text begins with none.
std::size_t quoted_string_bytes(std::string_view text) {
  if (!text.starts_with('"')) return 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') ++i;
    if (i == text.size() || text[i] < ' ' || text[i] > '~') return 0;
  }
  return 0;
}

bool is_local_part(std::string_view text) {
  if (text.starts_with('"')) return quoted_string_bytes(text) == text.size();
  return is_dot_string(text);
}

// A label may hold underscores: such hosts exist (see the header).
bool is_label(std::string_view text) {
  if (text.empty() || text.size() > kLabelBytesMax) return false;
  if (text.front() == '-' || text.back() == '-') return false;
  return std::ranges::all_of(
      text, [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; });
}

// RFC 5321 §4.1.3. Of the tagged literals only IPv6 is registered.
bool is_address_literal(std::string_view text) {
  if (!text.starts_with('[') || !text.ends_with(']')) return false;
  const std::string_view inner = text.substr(1, text.size() - 2);
  if (starts_ignoring_case(inner, kIpv6Tag)) {
    const std::string_view address = inner.substr(kIpv6Tag.size());
    return address.find(':') != std::string_view::npos && IpAddress::parse(address).has_value();
  }
  return inner.find(':') == std::string_view::npos && IpAddress::parse(inner).has_value();
}

// RFC 5321 §4.1.2: A-d-l = At-domain *("," At-domain), then ":". Returns what follows.
Result<std::string_view> without_source_route(std::string_view path) {
  if (!path.starts_with('@')) return path;
  while (path.starts_with('@')) {
    path.remove_prefix(1);
    const std::size_t literal_bytes = path.starts_with('[') ? path.find(']') : 0;
    const std::size_t end = path.find_first_of(",:", literal_bytes);
    if (end == std::string_view::npos || !is_valid_domain(path.substr(0, end))) {
      return fail(ErrorCode::syntax, "The source route before the address is malformed");
    }
    const bool is_last = path[end] == ':';
    path.remove_prefix(end + 1);
    if (is_last) return path;
  }
  return fail(ErrorCode::syntax, "The source route before the address is malformed");
}

Result<Address> parse_postmaster(std::string_view text, PathKind kind) {
  if (kind == PathKind::forward && equal_ignoring_case(text, "postmaster")) {
    return Address{.local_part = std::string(text), .domain = {}};
  }
  return fail(ErrorCode::syntax, "The address has no @ and domain");
}

// Where the "@" stands that ends the local part; npos when there is none.
std::size_t find_at(std::string_view text) {
  const std::size_t quoted = quoted_string_bytes(text);
  return text.find('@', quoted);
}

}  // namespace

std::string Address::to_string() const {
  if (domain.empty()) return local_part;
  return local_part + '@' + domain;
}

std::string Address::domain_lower() const {
  std::string lower = domain;
  std::ranges::transform(lower, lower.begin(), to_lower);
  return lower;
}

bool is_valid_domain(std::string_view text) {
  if (text.empty() || text.size() > kDomainBytesMax) return false;
  if (text.front() == '[') return is_address_literal(text);
  while (true) {
    const std::size_t dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

Result<Address> parse_mailbox(std::string_view text) {
  if (text.size() > kPathBytesMax - 2) {
    return fail(ErrorCode::limit_exceeded, "The address is longer than 254 bytes");
  }
  const std::size_t at = find_at(text);
  if (at == std::string_view::npos) {
    return fail(ErrorCode::syntax, "The address has no @ and domain");
  }
  const std::string_view local_part = text.substr(0, at);
  const std::string_view domain = text.substr(at + 1);
  if (local_part.size() > kLocalPartBytesMax) {
    return fail(ErrorCode::limit_exceeded, "The part before the @ is longer than 64 bytes");
  }
  if (!is_local_part(local_part)) {
    return fail(ErrorCode::syntax, "The part before the @ is malformed");
  }
  if (!is_valid_domain(domain)) {
    return fail(ErrorCode::syntax, "The domain of the address is malformed");
  }
  return Address{.local_part = std::string(local_part), .domain = std::string(domain)};
}

Result<Address> parse_path(std::string_view text, PathKind kind) {
  if (text.size() < 2 || text.front() != '<' || text.back() != '>') {
    return fail(ErrorCode::syntax, "The address must stand in angle brackets: <user@example.com>");
  }
  if (text.size() > kPathBytesMax) {
    return fail(ErrorCode::limit_exceeded, "The address is longer than 254 bytes");
  }
  const std::string_view inner = text.substr(1, text.size() - 2);
  if (inner.empty()) {
    if (kind == PathKind::reverse) return Address{};
    return fail(ErrorCode::syntax, "The null address <> cannot receive");
  }
  SLUICE_TRY(mailbox, without_source_route(inner));
  if (find_at(mailbox) == std::string_view::npos) return parse_postmaster(mailbox, kind);
  return parse_mailbox(mailbox);
}

}  // namespace sluice::smtp
