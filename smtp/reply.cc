#include "smtp/reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "core/assert.h"
#include "smtp/ascii.h"

namespace sluice::smtp {
namespace {

// RFC 5321 §4.5.3.1.5: 512 octets with the code and CRLF. What we say keeps to it.
constexpr std::size_t kOwnReplyLineBytesMax = 512 - 2;

// Texts may quote what a client sent: nothing but printable ASCII leaves (RFC 5321 §4.2).
void append_printable(std::string_view text, std::string& out) {
  const auto start = static_cast<std::ptrdiff_t>(out.size());
  out += text;
  std::replace_if(out.begin() + start, out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
}

void append_number(unsigned number, std::string& out) {
  std::array<char, 10> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_status(const EnhancedStatus& status, std::string& out) {
  append_number(status.klass, out);
  out += '.';
  append_number(status.subject, out);
  out += '.';
  append_number(status.detail, out);
  out += ' ';
}

}  // namespace

std::string Reply::to_string() const {
  std::string out = enhanced.is_present() ? fmt::format("{} {}", code, enhanced.to_string())
                                          : fmt::format("{}", code);
  if (!text.empty()) out += ' ';
  const auto text_starts = static_cast<std::ptrdiff_t>(out.size());
  out += text;
  std::replace(out.begin() + text_starts, out.end(), '\n', ' ');
  return out;
}

void append_wire(const Reply& reply, std::string& out) {
  SLUICE_ASSERT(reply.code >= 200, "a reply has a code of three digits");
  SLUICE_ASSERT(reply.code <= 599, "a reply has a code of three digits");

  std::string_view rest = reply.text;
  for (bool is_last = false; !is_last;) {
    const std::size_t end = rest.find('\n');
    is_last = end == std::string_view::npos;
    const std::size_t line_starts = out.size();
    append_number(static_cast<unsigned>(reply.code), out);
    out += is_last ? ' ' : '-';
    if (reply.enhanced.is_present()) append_status(reply.enhanced, out);
    append_printable(rest.substr(0, end), out);
    out.resize(std::min(out.size(), line_starts + kOwnReplyLineBytesMax));
    out += "\r\n";
    if (!is_last) rest.remove_prefix(end + 1);
  }
}

Result<ReplyLine> parse_reply_line(std::string_view line) {
  SLUICE_ASSERT(!line.ends_with('\n'), "the line reader strips the line's end");

  if (line.size() > kReplyLineBytesMax) {
    return fail(ErrorCode::limit_exceeded, "reply line too long");
  }
  if (line.size() < 3) return fail(ErrorCode::syntax, "reply shorter than its code");

  // RFC 5321 §4.2: Reply-code = %x32-35 %x30-35 %x30-39
  const bool code_is_valid =
      line[0] >= '2' && line[0] <= '5' && line[1] >= '0' && line[1] <= '5' && is_digit(line[2]);
  if (!code_is_valid) return fail(ErrorCode::syntax, "bad reply code");
  const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');

  // "250" without text is obsolete but seen; it ends the reply.
  if (line.size() == 3) return ReplyLine{.code = code, .is_last = true, .text = {}};
  if (line[3] != ' ' && line[3] != '-') return fail(ErrorCode::syntax, "bad reply separator");
  return ReplyLine{.code = code, .is_last = line[3] == ' ', .text = line.substr(4)};
}

}  // namespace sluice::smtp
