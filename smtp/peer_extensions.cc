#include "smtp/peer_extensions.h"

#include <algorithm>
#include <charconv>

#include "smtp/ascii.h"
#include "smtp/extension.h"

namespace sluice::smtp {
namespace {

// Takes the text up to `separator` off the front of `text`, and the separator with it.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

// RFC 1870 §4: up to 20 digits; 0 or none says that there is no fixed limit.
std::uint64_t parse_size_max(std::string_view argument) {
  std::uint64_t size_max = 0;
  const auto [end, error] =
      std::from_chars(argument.data(), argument.data() + argument.size(), size_max);
  const bool is_readable = error == std::errc() && end == argument.data() + argument.size();
  return is_readable ? size_max : 0;
}

// RFC 9422 §3: NAME=VALUE, of at most six digits. RCPTDOMAINMAX bounds the domains of a message's
// recipients, of which an envelope has one.
void apply_limit(std::string_view limit, PeerExtensions& extensions) {
  constexpr std::uint32_t kLimitMax = 999'999;
  const std::string_view name = take_until(limit, '=');
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), value);
  const bool is_readable = error == std::errc() && end == limit.data() + limit.size();
  if (!is_readable || value == 0 || value > kLimitMax) return;
  if (equal_ignoring_case(name, "MAILMAX")) extensions.mail_max = value;
  if (equal_ignoring_case(name, "RCPTMAX")) extensions.recipients_max = value;
}

void apply_line(std::string_view line, PeerExtensions& extensions) {
  const auto extension = extension_of(take_until(line, ' '));
  if (!extension) return;
  switch (*extension) {
    case Extension::pipelining:
      extensions.pipelining = true;
      break;
    case Extension::chunking:
      extensions.chunking = true;
      break;
    case Extension::eight_bit_mime:
      extensions.eight_bit_mime = true;
      break;
    case Extension::starttls:
      extensions.starttls = true;
      break;
    case Extension::auth:
      while (!line.empty()) {
        const std::string_view mechanism = take_until(line, ' ');
        if (equal_ignoring_case(mechanism, "PLAIN")) extensions.auth_plain = true;
        if (equal_ignoring_case(mechanism, "LOGIN")) extensions.auth_login = true;
      }
      break;
    case Extension::enhanced_status_codes:  // read where they stand, offered or not
      break;
    case Extension::dsn:
      extensions.dsn = true;
      break;
    case Extension::limits:
      while (!line.empty()) apply_limit(take_until(line, ' '), extensions);
      break;
    case Extension::size:
      extensions.size = true;
      extensions.size_max = parse_size_max(take_until(line, ' '));
      break;
  }
}

}  // namespace

PeerExtensions parse_peer_extensions(std::string_view text) {
  PeerExtensions extensions;
  take_until(text, '\n');
  while (!text.empty()) apply_line(take_until(text, '\n'), extensions);
  return extensions;
}

}  // namespace sluice::smtp
