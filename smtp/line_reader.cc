#include "smtp/line_reader.h"

#include <utility>

#include "core/assert.h"

namespace sluice::smtp {
namespace {

constexpr std::string_view kCrlf = "\r\n";

}  // namespace

std::optional<Line> LineReader::try_read() {
  release();
  if (is_discarding_ && !discard()) {
    if (discarded_ > kDiscardedLineBytesMax) return Line{.text = {}, .fault = Line::Fault::endless};
    return std::nullopt;
  }
  return scan(stream_.received());
}

void LineReader::release() {
  if (returned_ > 0) stream_.consume(std::exchange(returned_, 0));
}

void LineReader::restart() {
  returned_ = 0;
  scanned_ = 0;
  discarded_ = 0;
  is_discarding_ = false;
}

std::optional<Line> LineReader::scan(std::string_view bytes) {
  SLUICE_ASSERT(scanned_ <= bytes.size(), "nobody else consumes what a reader has scanned");

  const std::size_t newline = bytes.find('\n', scanned_);
  if (newline == std::string_view::npos) return scan_unended(bytes);

  const bool has_cr = newline > 0 && bytes[newline - 1] == '\r';
  const std::string_view text = bytes.substr(0, has_cr ? newline - 1 : newline);
  if (!has_cr || text.find('\r') != std::string_view::npos) {
    return faulty(Line::Fault::bare_newline);
  }
  if (text.size() > bytes_max_) return faulty(Line::Fault::too_long);
  returned_ = newline + 1;
  scanned_ = 0;
  return Line{.text = text};
}

// A line whose end has not come: its faults are told at once, or a client that never sends CRLF
// would wait for a word from us until it gives up.
std::optional<Line> LineReader::scan_unended(std::string_view bytes) {
  const bool may_end = bytes.ends_with('\r');
  const std::string_view text = bytes.substr(0, bytes.size() - (may_end ? 1 : 0));
  if (text.find('\r', scanned_) != std::string_view::npos) {
    return faulty(Line::Fault::bare_newline);
  }
  if (text.size() > bytes_max_) return faulty(Line::Fault::too_long);
  scanned_ = text.size();
  return std::nullopt;
}

Line LineReader::faulty(Line::Fault fault) {
  is_discarding_ = true;
  discarded_ = 0;
  scanned_ = 0;
  return Line{.text = {}, .fault = fault};
}

// True when the faulty line's CRLF was found and consumed.
bool LineReader::discard() {
  const std::string_view bytes = stream_.received();
  const std::size_t found = bytes.find(kCrlf);
  if (found != std::string_view::npos) {
    stream_.consume(found + kCrlf.size());
    is_discarding_ = false;
    return true;
  }
  // The CR of a CRLF that is still on its way stays.
  const std::size_t dropped = bytes.size() - (bytes.ends_with('\r') ? 1 : 0);
  if (dropped > 0) stream_.consume(dropped);
  discarded_ += dropped;
  return false;
}

}  // namespace sluice::smtp
