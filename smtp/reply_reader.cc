#include "smtp/reply_reader.h"

#include <algorithm>

namespace sluice::smtp {
namespace {

// RFC 5321 §4.2: textstring = 1*(%d09 / %d32-126).
char printable(char c) { return c == '\t' || (c >= ' ' && c <= '~') ? c : '?'; }

}  // namespace

Result<std::optional<Reply>> ReplyAssembler::take(std::string_view line) {
  SLUICE_TRY(parsed, parse_reply_line(line));
  if (++lines_ > kReplyLinesMax) return fail(ErrorCode::limit_exceeded, "reply has too many lines");
  if (lines_ > 1 && parsed.code != reply_.code) {
    return fail(ErrorCode::syntax, "reply whose lines have different codes");
  }

  reply_.code = parsed.code;
  if (parsed.code < 300 || parsed.code >= 400) read_enhanced(parsed.text);
  append_text(parsed.text);
  if (!parsed.is_last) return std::optional<Reply>();

  lines_ = 0;
  return std::optional<Reply>(std::exchange(reply_, Reply()));
}

// RFC 2034 §4: the code stands at the start of each line of the text, and its class is the first
// digit of the reply's code. Taken where it stands, offered in EHLO or not.
void ReplyAssembler::read_enhanced(std::string_view& text) {
  const auto enhanced = parse_enhanced_status(text);
  if (!enhanced || enhanced->klass != reply_.code / 100) return;
  if (lines_ == 1) reply_.enhanced = *enhanced;
  if (*enhanced != reply_.enhanced) return;
  text.remove_prefix(std::min(text.find(' '), text.size()));
  if (!text.empty()) text.remove_prefix(1);
}

void ReplyAssembler::append_text(std::string_view text) {
  if (lines_ > 1 && reply_.text.size() < text_bytes_max_) reply_.text += '\n';
  const std::size_t room = text_bytes_max_ - std::min(text_bytes_max_, reply_.text.size());
  for (const char c : text.substr(0, room)) reply_.text += printable(c);
}

Result<std::optional<Reply>> ReplyReader::next() {
  while (true) {
    const std::string_view received = stream_.received();
    const std::size_t end = received.substr(0, kReplyLineBytesMax + 2).find('\n');
    if (end == std::string_view::npos) {
      if (received.size() < kReplyLineBytesMax + 2) return std::optional<Reply>();
      return fail(ErrorCode::limit_exceeded, "line of a reply is too long");
    }
    std::string_view line = received.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    auto reply = assembler_.take(line);
    stream_.consume(end + 1);
    const bool is_incomplete = reply && !*reply;
    if (!is_incomplete) return reply;
  }
}

Task<Result<Reply>> ReplyReader::read(Deadline deadline) {
  while (true) {
    auto reply = next();
    if (!reply) co_return std::unexpected(std::move(reply).error());
    if (*reply) co_return std::move(**reply);
    auto filled = co_await stream_.fill(deadline);
    if (!filled) co_return std::unexpected(std::move(filled).error());
  }
}

}  // namespace sluice::smtp
