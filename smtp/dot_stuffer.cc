#include "smtp/dot_stuffer.h"

#include <algorithm>

namespace sluice::smtp {

std::size_t DotStuffer::stuff(std::string_view bytes, Gather& gather) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !gather.is_full()) {
    const std::string_view rest = bytes.substr(taken);
    if (is_at_line_start_ && rest.front() == '.') gather.append(".");
    // Up to the next LF with a dot behind it, or with nothing behind it yet.
    const std::size_t dot = rest.find("\n.");
    const std::string_view run = rest.substr(0, std::min(dot, rest.size() - 1) + 1);
    gather.borrow(run);
    note_end(run);
    taken += run.size();
  }
  return taken;
}

void DotStuffer::note_end(std::string_view bytes) {
  const bool is_behind_lf = bytes.back() == '\n';
  const bool has_cr_before = bytes.size() >= 2 ? bytes[bytes.size() - 2] == '\r' : is_behind_cr_;
  is_at_line_start_ = is_behind_lf;
  is_behind_crlf_ = is_behind_lf && has_cr_before;
  is_behind_cr_ = bytes.back() == '\r';
}

void DotStuffer::finish(Gather& gather) const {
  // RFC 5321 §4.1.1.4: the CRLF that ends DATA's own line, or the last one of the body, belongs to
  // the end of the message. Without it the body gains one, which DATA cannot avoid.
  gather.append(is_behind_crlf_ ? ".\r\n" : "\r\n.\r\n");
}

}  // namespace sluice::smtp
