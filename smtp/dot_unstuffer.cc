#include "smtp/dot_unstuffer.h"

#include "core/assert.h"

namespace sluice::smtp {

BodyPiece DotUnstuffer::next(std::string_view input) {
  SLUICE_ASSERT(dot_ != Dot::ended, "the message has ended");
  if (input.empty()) return {};
  if (dot_ == Dot::dot) return behind_dot(input);
  if (dot_ == Dot::dot_cr) return behind_dot_cr(input);

  const auto found = newlines_.pass(input);
  if (found.bytes > 0 || found.special == NewlineScanner::Special::none) {
    return {.consumed = found.bytes, .content = input.substr(0, found.bytes)};
  }
  if (found.special != NewlineScanner::Special::dot) {
    return newlines_.resolve(found.special, input);
  }
  // RFC 5321 §4.5.2: the first dot of a line goes in any case.
  newlines_.continue_line();
  dot_ = Dot::dot;
  return {.consumed = 1, .content = {}};
}

BodyPiece DotUnstuffer::behind_dot(std::string_view input) {
  dot_ = input[0] == '\r' ? Dot::dot_cr : Dot::none;
  const std::size_t consumed = dot_ == Dot::dot_cr ? 1 : 0;
  return {.consumed = consumed, .content = {}};
}

BodyPiece DotUnstuffer::behind_dot_cr(std::string_view input) {
  if (input[0] == '\n') {
    dot_ = Dot::ended;
    return {.consumed = 1, .content = {}, .is_end = true};
  }
  // ".\r" and no LF: the CR was held back, and is a bare one.
  dot_ = Dot::none;
  newlines_.note_bare_cr();
  return {.consumed = 0, .content = newlines_.normalises() ? "\r\n" : ""};
}

}  // namespace sluice::smtp
