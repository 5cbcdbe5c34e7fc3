// The end of DATA: at any split the same content, fault and end as a plain reading of RFC 5321
// §4.5.2, byte by byte over the whole input.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/assert.h"
#include "smtp/dot_unstuffer.h"

namespace {

using namespace sluice::smtp;

struct Outcome {
  std::string content;
  bool is_faulty = false;
  bool has_ended = false;
  std::size_t consumed = 0;
};

Outcome unstuff(std::string_view input, std::size_t piece_bytes, BareNewlines policy) {
  DotUnstuffer unstuffer(policy);
  Outcome outcome;
  while (!input.empty() && !outcome.has_ended) {
    std::string_view rest = input.substr(0, piece_bytes);
    input.remove_prefix(rest.size());
    while (!rest.empty() && !outcome.has_ended) {
      const BodyPiece piece = unstuffer.next(rest);
      outcome.content += piece.content;
      outcome.has_ended = piece.is_end;
      outcome.consumed += piece.consumed;
      rest.remove_prefix(piece.consumed);
    }
  }
  outcome.is_faulty = unstuffer.fault() != BodyFault::none;
  return outcome;
}

// The plain reading: the end is the first CRLF.CRLF, with a CRLF thought in front of the input;
// dots behind CRLF go; every other CR or LF is bare.
Outcome read_plainly(std::string_view input, BareNewlines policy) {
  const std::string framed = "\r\n" + std::string(input);
  const std::size_t end = framed.find("\r\n.\r\n");
  const std::string_view body =
      std::string_view(framed).substr(0, end == std::string::npos ? framed.size() : end + 2);
  Outcome outcome{.content = {}, .has_ended = end != std::string::npos};
  outcome.consumed = outcome.has_ended ? end + 3 : input.size();
  bool is_at_line_start = true;
  for (std::size_t i = 2; i < body.size(); ++i) {
    const bool is_dot = is_at_line_start && body[i] == '.';
    is_at_line_start = false;
    if (is_dot) continue;
    if (body[i] == '\r' && i + 1 < body.size() && body[i + 1] == '\n') {
      outcome.content += "\r\n";
      is_at_line_start = true;
      ++i;
      continue;
    }
    const bool is_bare = body[i] == '\r' || body[i] == '\n';
    outcome.is_faulty |= body[i] == '\0' || (is_bare && policy == BareNewlines::reject);
    if (is_bare) {
      outcome.content += "\r\n";
    } else {
      outcome.content += body[i];
    }
  }
  return outcome;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 512) return 0;
  const std::string input(data, data + size);
  // An unended input may hold back a dot or a CR: only complete messages compare in full.
  for (const auto policy : {BareNewlines::reject, BareNewlines::normalise}) {
    const Outcome expected = read_plainly(input, policy);
    const std::size_t pieces_max = std::min<std::size_t>(size, 80);
    for (std::size_t bytes = 1; bytes <= pieces_max; ++bytes) {
      const Outcome outcome = unstuff(input, bytes, policy);
      SLUICE_ASSERT(outcome.has_ended == expected.has_ended, "the end is the real one");
      SLUICE_ASSERT(outcome.consumed == expected.consumed, "what follows the end is left");
      if (!expected.has_ended) continue;
      SLUICE_ASSERT(outcome.is_faulty == expected.is_faulty, "faults are seen at any split");
      const bool compares = !expected.is_faulty;
      SLUICE_ASSERT(!compares || outcome.content == expected.content, "the content is the same");
    }
  }
  return 0;
}
