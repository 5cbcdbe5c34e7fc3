// DotUnstuffer: the receiving side of DATA, up to the end of the message (RFC 5321 §4.5.2).
//
// A message ends at CRLF.CRLF and nowhere else, judged on the raw bytes whatever is done with bare
// newlines: mixtures of bare CR or LF around a dot never end a message. Any split of the input
// gives the same result. Pure: no I/O. The sending side is smtp/dot_stuffer.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "smtp/newline_scanner.h"

namespace sluice::smtp {

class DotUnstuffer {
 public:
  explicit DotUnstuffer(BareNewlines policy) : newlines_(policy) {}

  // Takes from the front of the input; call it again with the rest until the input is used up or
  // `is_end`. Pieces are as large as the input allows, and may be empty. Bytes behind the end are
  // left alone. Once there is a fault the content is worth nothing, but the end is still found.
  BodyPiece next(std::string_view input);

  BodyFault fault() const { return newlines_.fault(); }

 private:
  enum class Dot : std::uint8_t { none, dot, dot_cr, ended };

  BodyPiece behind_dot(std::string_view input);
  BodyPiece behind_dot_cr(std::string_view input);

  NewlineScanner newlines_;
  Dot dot_ = Dot::none;
};

}  // namespace sluice::smtp
