// LineReader: the lines of one side of an SMTP connection, out of a Stream's received bytes.
//
// A server takes CRLF alone for the end of a line (RFC 5321 §2.3.8); a bare CR or LF makes the line
// faulty, and what follows it up to the next CRLF belongs to it, so that nothing can be slipped
// in between two commands. A client tolerates replies whose lines end in LF.
// It copies nothing and keeps nothing but a position. Lives on the shard of its stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/stream.h"
#include "core/task.h"

namespace sluice::smtp {

// Of a faulty line, this much is dropped in search of its end; then the connection is hopeless.
inline constexpr std::size_t kDiscardedLineBytesMax = 64 * 1024;

enum class LineEnd : std::uint8_t { crlf, crlf_or_lf };

struct Line {
  enum class Fault : std::uint8_t {
    none,
    too_long,      // reported once; its rest is dropped up to CRLF
    bare_newline,  // CR or LF alone, only with LineEnd::crlf; likewise
    endless,       // the rest of a faulty line passed kDiscardedLineBytesMax
  };
  std::string_view text;  // without its end; empty when faulty. Valid until the next call
  Fault fault = Fault::none;
};

class LineReader {
 public:
  // `bytes_max` bounds a line without its end. The stream outlives the reader.
  LineReader(Stream& stream, std::size_t bytes_max, LineEnd end)
      : stream_(stream), bytes_max_(bytes_max), end_(end) {}

  // The next line, when the received bytes hold all of it; nothing when more must come.
  std::optional<Line> try_read();

  // The next line, waiting for it. An Error is the stream's own.
  Task<Result<Line>> read(Deadline deadline);

  // Consumes the line that was returned last. Needed before the stream is read directly.
  void release();

 private:
  std::optional<Line> scan(std::string_view bytes);
  std::optional<Line> scan_unended(std::string_view bytes);
  Line faulty(Line::Fault fault);
  bool discard();

  Stream& stream_;
  std::size_t bytes_max_;
  LineEnd end_;
  std::size_t returned_ = 0;   // bytes of the last line, not yet consumed
  std::size_t scanned_ = 0;    // bytes of the unfinished line that hold no LF
  std::size_t discarded_ = 0;  // of the faulty line
  bool is_discarding_ = false;
};

}  // namespace sluice::smtp
