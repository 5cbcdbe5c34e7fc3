// Reply: what one side of SMTP answers to a command (RFC 5321 §4.2), ours and theirs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"
#include "smtp/enhanced_status.h"

namespace sluice::smtp {

// RFC 5321 §4.5.3.1.5 allows 512 octets with CRLF; servers send more, so more is read.
inline constexpr std::size_t kReplyLineBytesMax = 2048;
inline constexpr std::size_t kReplyLinesMax = 128;
inline constexpr std::size_t kReplyTextBytesMax = 16 * 1024;  // text beyond it is dropped

struct Reply {
  int code = 0;             // 200 to 559
  EnhancedStatus enhanced;  // absent in replies to HELO/EHLO and 3xx
  std::string text;         // lines separated by '\n', without code and enhanced code
  std::uint8_t reason = 0;  // of our own replies: the handler's mark, given back to on_rejected

  // RFC 5321 §4.2.1: what the first digit says.
  bool is_completion() const { return code >= 200 && code < 300; }
  bool is_intermediate() const { return code >= 300 && code < 400; }  // "go on": 354
  bool is_positive() const { return is_completion() || is_intermediate(); }
  bool is_transient() const { return code >= 400 && code < 500; }
  bool is_permanent() const { return code >= 500; }
  // RFC 5321 §3.8: a 421, to whatever command, announces that the server closes the connection.
  bool is_closing() const { return code == 421; }

  // "550 5.7.1 text" on one line, for logs and records; lines joined by a space.
  std::string to_string() const;
};

// The constructor style of our own replies: reply(250, {2, 1, 0}, "Ok").
inline Reply reply(int code, EnhancedStatus enhanced, std::string text) {
  return Reply{.code = code, .enhanced = enhanced, .text = std::move(text), .reason = 0};
}

// Appends the wire form: every line with the code (and the enhanced code), CRLF at each end.
void append_wire(const Reply& reply, std::string& out);

// One line of a peer's reply, without its CRLF. `text` points into the line.
struct ReplyLine {
  int code;
  bool is_last;
  std::string_view text;
};
Result<ReplyLine> parse_reply_line(std::string_view line);

}  // namespace sluice::smtp
