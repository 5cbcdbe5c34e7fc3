// How a simulated host writes its replies: tersely or at length, with or without enhanced status
// codes, in any form that a client has to take (RFC 5321 §4.2); and what it says when it is broken,
// which no client can take for a reply.
// Pure but for the random choices.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/random.h"

namespace sluice::simulation {

struct ReplyStyle {
  bool has_status_codes = true;    // RFC 2034
  bool is_terse = false;           // the code alone, without text
  bool ends_with_newline = false;  // LF where CRLF belongs
  std::size_t lines_max = 1;
};

struct UpstreamReply {
  int code;
  std::string_view status = {};  // "5.1.1"; empty where there is none, as in a greeting
  std::string_view text = {};
};

std::string write_reply(const ReplyStyle& style, const UpstreamReply& reply, Random& random);

// In place of that reply.
std::string write_garbage(const UpstreamReply& reply, Random& random);

// A refusal of any command, for now or for good.
UpstreamReply temporary_refusal(Random& random);
UpstreamReply permanent_refusal(Random& random);

}  // namespace sluice::simulation
