#include "tests/simulation/upstream_reply.h"

#include <fmt/format.h>

#include <array>

namespace sluice::simulation {

namespace {

// Of the text behind "250-" and a status code; a line of 2,048 bytes is taken (smtp/reply.h).
constexpr std::size_t kTextBytesMax = 2'000;
constexpr std::size_t kLinesTakenMax = 128;
constexpr double kLongReplyChance = 0.2;

}  // namespace

std::string write_reply(const ReplyStyle& style, const UpstreamReply& reply, Random& random) {
  const std::string_view line_end = style.ends_with_newline ? "\n" : "\r\n";
  const bool has_status = style.has_status_codes && !reply.status.empty();
  std::string wire;
  const bool is_long = style.lines_max > 1 && random.fraction() < kLongReplyChance;
  const std::size_t lines = is_long ? 1 + random.below(style.lines_max) : 1;
  for (std::size_t line = 1; line < lines; ++line) {
    const std::size_t bytes = random.below(random.below(20) == 0 ? kTextBytesMax : 80);
    wire += fmt::format("{}-{}{}{}{}", reply.code, has_status ? reply.status : "",
                        has_status ? " " : "", std::string(bytes, 'x'), line_end);
  }
  if (style.is_terse) return wire + fmt::format("{}{}", reply.code, line_end);
  return wire + fmt::format("{} {}{}{}{}", reply.code, has_status ? reply.status : "",
                            has_status ? " " : "", reply.text, line_end);
}

std::string write_garbage(const UpstreamReply& reply, Random& random) {
  const bool is_go_ahead = reply.code >= 300 && reply.code < 400;
  std::string wire;
  switch (random.below(8)) {
    case 0:
      return "\r\n";
    case 1:
      return fmt::format("{}?\r\n", reply.code);
    case 2:
      return fmt::format("{} ok\r\n", reply.code + 600);
    case 3:
      return fmt::format("{}-one\r\n{} two\r\n", reply.code, reply.code + 1);
    case 4:
      return fmt::format("{} {}\r\n", reply.code, std::string(2 * kTextBytesMax, 'x'));
    case 5:
      for (std::size_t line = 0; line <= kLinesTakenMax; ++line) {
        wire += fmt::format("{}-more\r\n", reply.code);
      }
      return wire + fmt::format("{} end\r\n", reply.code);
    case 6:  // of the wrong kind
      return is_go_ahead ? "250 2.0.0 kept already\r\n" : "354 go on\r\n";
    default:
      for (int byte = 0; byte < 64; ++byte) wire += static_cast<char>(random.below(32));
      return wire + "\r\n";
  }
}

UpstreamReply temporary_refusal(Random& random) {
  static constexpr std::array<UpstreamReply, 4> kReplies{{
      {.code = 450, .status = "4.2.0", .text = "greylisted"},
      {.code = 451, .status = "4.7.1", .text = "later"},
      {.code = 452, .status = "4.3.1", .text = "the disk is full"},
      {.code = 454, .status = "4.3.0", .text = "something is amiss"},
  }};
  return kReplies[random.below(kReplies.size())];
}

UpstreamReply permanent_refusal(Random& random) {
  static constexpr std::array<UpstreamReply, 5> kReplies{{
      {.code = 550, .status = "5.1.1", .text = "nobody of that name"},
      {.code = 551, .status = "5.1.6", .text = "moved away"},
      {.code = 552, .status = "5.2.2", .text = "the mailbox is full"},
      {.code = 554, .status = "5.7.1", .text = "not wanted"},
      {.code = 500, .status = "5.5.1", .text = "what?"},
  }};
  return kReplies[random.below(kReplies.size())];
}

}  // namespace sluice::simulation
