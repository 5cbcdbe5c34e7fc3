// Headers: whatever a message begins with, and however it is split, the same goes on; nothing of
// ours is left in the header, and what was read from it is bounded. The first byte chooses the
// pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/assert.h"
#include "smtp/ascii.h"
#include "smtp/mailbox_list.h"
#include "smtp/message_header.h"
#include "smtp/sluice_headers.h"

namespace {

using namespace sluice::smtp;

const MessageHeader::Additions kAdditions{.date = "Thu, 26 Nov 2026 18:00:00 +0000",
                                          .message_id = "<1@mx.example>"};

// Nothing when it is refused.
std::optional<std::string> pass(MessageHeader& header, std::string_view message,
                                std::size_t piece_bytes) {
  std::string out;
  while (!message.empty()) {
    const auto piece = header.consume(message.substr(0, piece_bytes), kAdditions);
    if (!piece) return std::nullopt;
    out += piece->header;
    out += piece->rest;
    message.remove_prefix(std::min(piece_bytes, message.size()));
  }
  const auto rest = header.finish(kAdditions);
  if (!rest) return std::nullopt;
  out += rest->header;
  out += rest->rest;
  return out;
}

void check_values(const MessageHeader& header) {
  for (const std::string& from : header.from()) {
    const auto list = parse_mailbox_list(from);
    if (!list) continue;
    SLUICE_ASSERT(!list->empty(), "a list names somebody");
    SLUICE_ASSERT(list->size() <= kMailboxesMax, "a list is bounded");
  }
  const auto ours = read_sluice_headers(header.sluice());
  if (ours) SLUICE_ASSERT(ours->tags.size() <= kTagsMax, "tags are bounded");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data + 1), size - 1);
  MessageHeader whole;
  whole.start(HeaderFixes::submission);
  const auto at_once = pass(whole, message, message.size() + 1);
  MessageHeader split;
  split.start(HeaderFixes::submission);
  const auto in_pieces = pass(split, message, 1 + data[0] % 32);
  SLUICE_ASSERT(at_once == in_pieces, "pieces make no difference");
  if (!at_once) return 0;
  check_values(whole);
  MessageHeader again;
  again.start(HeaderFixes::submission);
  const auto twice = pass(again, *at_once, at_once->size());
  SLUICE_ASSERT(twice == at_once, "what was corrected needs no correction");
  SLUICE_ASSERT(again.sluice().empty(), "nothing of ours is left");
  return 0;
}
