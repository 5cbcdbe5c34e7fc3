// ReplyReader: the replies of a server, line by line from its stream (RFC 5321 §4.2).
//
// ReplyAssembler is the pure half: it joins the lines of a multi-line reply, within bounds. A line
// may end in a bare LF, which harms nobody here; a reply whose lines disagree about their code
// (RFC 5321 §4.2.1) is refused, since it shows that replies got lost or mixed.
// Knows no commands. Lives on the shard of its stream.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/stream.h"
#include "core/task.h"
#include "smtp/reply.h"

namespace sluice::smtp {

// What is kept of the text of a reply that decides about recipients: each of up to thousands may
// hold a copy. The spool keeps less.
inline constexpr std::size_t kVerdictTextBytesMax = 1024;

class ReplyAssembler {
 public:
  // Takes one line without its end. Returns the reply when this was its last line; syntax or
  // limit_exceeded when it is none. Bytes that RFC 5321 §4.2 forbids in the text become '?'.
  Result<std::optional<Reply>> take(std::string_view line);

  // Text beyond this is dropped. At first kReplyTextBytesMax.
  void limit_text(std::size_t bytes) { text_bytes_max_ = bytes; }

 private:
  void append_text(std::string_view text);
  void read_enhanced(std::string_view& text);

  Reply reply_;
  std::size_t lines_ = 0;
  std::size_t text_bytes_max_ = kReplyTextBytesMax;
};

class ReplyReader {
 public:
  explicit ReplyReader(Stream& stream) : stream_(stream) {}

  // The next reply among the bytes that are already there; nothing when they hold no whole one.
  Result<std::optional<Reply>> next();

  // Waits for the next reply.
  Task<Result<Reply>> read(Deadline deadline);

  void limit_text(std::size_t bytes) { assembler_.limit_text(bytes); }

 private:
  Stream& stream_;
  ReplyAssembler assembler_;
};

}  // namespace sluice::smtp
