// LineReader: the lines that an SMTP client sends, out of a Stream's received bytes.
//
// CRLF alone ends a line (RFC 5321 §2.3.8); a bare CR or LF makes the line faulty, and what follows
// it up to the next CRLF belongs to it, so that nothing can be slipped in between two commands.
// It never waits: the session fills the stream. It copies nothing and keeps nothing but a position.
// Replies, where LF alone harms nobody, are read by smtp/reply_reader.h.
// Lives on the shard of its stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/stream.h"

namespace sluice::smtp {

// Of a faulty line, this much is dropped in search of its end; then the connection is hopeless.
inline constexpr std::size_t kDiscardedLineBytesMax = 64 * 1024;

struct Line {
  enum class Fault : std::uint8_t {
    none,
    too_long,      // reported once; its rest is dropped up to CRLF
    bare_newline,  // CR or LF alone; likewise
    endless,       // the rest of a faulty line passed kDiscardedLineBytesMax
  };
  std::string_view text;  // without its CRLF; empty when faulty. Valid until the next call
  Fault fault = Fault::none;
};

class LineReader {
 public:
  // `bytes_max` bounds a line without its CRLF. The stream outlives the reader.
  LineReader(Stream& stream, std::size_t bytes_max) : stream_(stream), bytes_max_(bytes_max) {}

  // The next line, when the received bytes hold all of it; nothing when more must come.
  std::optional<Line> try_read();

  // Forgets the unfinished line: somebody else has dropped what was received.
  void restart();

  // Consumes the line that was returned last. Needed before the stream is read directly.
  void release();

 private:
  std::optional<Line> scan(std::string_view bytes);
  std::optional<Line> scan_unended(std::string_view bytes);
  Line faulty(Line::Fault fault);
  bool discard();

  Stream& stream_;
  std::size_t bytes_max_;
  std::size_t returned_ = 0;   // bytes of the last line, not yet consumed
  std::size_t scanned_ = 0;    // bytes of the unfinished line that hold no LF
  std::size_t discarded_ = 0;  // of the faulty line
  bool is_discarding_ = false;
};

}  // namespace sluice::smtp
