// Chunks: the same content and fault however a message is cut into chunks and reads. The first
// byte of the input says into how large pieces.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/assert.h"
#include "smtp/body_receiver.h"
#include "smtp/command.h"

namespace {

using namespace sluice::smtp;

struct Outcome {
  std::string content;
  bool is_refused = false;
};

Outcome receive(std::string_view input, std::size_t piece_bytes, BareNewlines policy) {
  BodyReceiver receiver(
      BodyLimits{.message_bytes_max = 2000, .received_headers_max = 3, .bare_newlines = policy});
  receiver.start(Framing::chunks);
  Outcome outcome;
  while (!input.empty()) {
    std::string_view rest = input.substr(0, piece_bytes);
    input.remove_prefix(rest.size());
    while (!rest.empty()) {
      const BodyPiece piece = receiver.next(rest);
      SLUICE_ASSERT(!piece.is_end, "no byte ends a chunk");
      outcome.content += piece.content;
      rest.remove_prefix(piece.consumed);
    }
  }
  outcome.content += receiver.finish();
  outcome.is_refused = receiver.refusal().has_value();
  return outcome;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string input(data + 1, data + size);
  (void)parse_bdat(input);  // bounded, and without a word about its content here
  for (const auto policy : {BareNewlines::reject, BareNewlines::normalise}) {
    const Outcome whole = receive(input, SIZE_MAX, policy);
    const Outcome cut = receive(input, std::size_t{data[0]} + 1, policy);
    SLUICE_ASSERT(whole.is_refused == cut.is_refused, "a fault is seen at any cut");
    if (whole.is_refused) continue;
    SLUICE_ASSERT(whole.content == cut.content, "the content is the same at any cut");
    SLUICE_ASSERT(whole.content.size() <= 2000, "a message keeps to its limit");
    if (policy == BareNewlines::reject) SLUICE_ASSERT(whole.content == input, "nothing changes");
  }
  return 0;
}
