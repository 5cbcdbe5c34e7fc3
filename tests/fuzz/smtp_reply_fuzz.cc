// Replies: a peer's line is read or refused; our own line never breaks, whatever its text.
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/assert.h"
#include "smtp/enhanced_status.h"
#include "smtp/reply.h"

namespace {

using namespace sluice::smtp;

void check_enhanced(std::string_view text) {
  const auto status = parse_enhanced_status(text);
  if (!status) return;
  SLUICE_ASSERT(text.starts_with(status->to_string()), "a status is written as it was read");
}

// What we send can be read line by line, and says the same code on each.
void check_wire(const Reply& reply) {
  std::string wire;
  append_wire(reply, wire);
  std::string_view rest = wire;
  bool is_last = false;
  while (!rest.empty()) {
    SLUICE_ASSERT(!is_last, "nothing follows the last line");
    const std::size_t end = rest.find("\r\n");
    SLUICE_ASSERT(end != std::string_view::npos, "every line ends with CRLF");
    SLUICE_ASSERT(end <= 510, "a line has at most 512 bytes");
    const auto line = parse_reply_line(rest.substr(0, end));
    SLUICE_ASSERT(line.has_value(), "what we send is a reply");
    SLUICE_ASSERT(line->code == reply.code, "the code is the same on each line");
    is_last = line->is_last;
    rest.remove_prefix(end + 2);
  }
  SLUICE_ASSERT(is_last, "a reply ends");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  check_enhanced(text);
  check_wire(reply(550, {5, 7, 1}, text));
  check_wire(reply(250, {}, text));
  const std::string line = text.substr(0, text.find('\n'));
  const auto parsed = parse_reply_line(line);
  if (!parsed) return 0;
  SLUICE_ASSERT(parsed->code >= 200, "codes begin at 200");
  SLUICE_ASSERT(parsed->code <= 559, "codes end at 559");
  check_enhanced(parsed->text);
  return 0;
}
