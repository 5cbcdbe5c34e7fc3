// DotStuffer: a body as DATA carries it (RFC 5321 §4.5.2), gathered without copying it.
#pragma once

#include <cstddef>
#include <string_view>

#include "smtp/gather.h"

namespace sluice::smtp {

// A dot is doubled behind every LF, also a bare one: no peer, however lenient about line ends, can
// take a line of the body for the end of the message.
class DotStuffer {
 public:
  // Puts bytes of the body into the gather until it is full. Returns how many it took.
  std::size_t stuff(std::string_view bytes, Gather& gather);

  // Puts the end of the message: the line of a single dot, behind a CRLF where the body lacks one.
  void finish(Gather& gather) const;

 private:
  void note_end(std::string_view bytes);

  bool is_at_line_start_ = true;  // behind an LF, or at the start
  bool is_behind_crlf_ = true;    // the line of the dot may follow
  bool is_behind_cr_ = false;
};

}  // namespace sluice::smtp
