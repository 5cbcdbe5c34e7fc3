// BodyReceiver: one arriving message, judged as it comes: its end, its line ends, its size, the
// stages of the pipeline.
//
// Whatever is wrong with a message, it is read to its real end and refused there, so that the
// client and we never disagree about where the next command begins.
// Pure: no I/O. One per session, begun anew for each message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "smtp/body_pipeline.h"
#include "smtp/dot_unstuffer.h"
#include "smtp/newline_scanner.h"
#include "smtp/reply.h"

namespace sluice::smtp {

// What tells the end of a message: CRLF.CRLF (DATA), or counted bytes (BDAT).
enum class Framing : std::uint8_t { dots, chunks };

struct BodyLimits {
  std::uint64_t message_bytes_max;
  std::uint32_t received_headers_max;
  BareNewlines bare_newlines;
};

class BodyReceiver {
 public:
  explicit BodyReceiver(const BodyLimits& limits);

  void start(Framing framing);

  // Takes from the front of the input; call it again with the rest. The content is what the
  // message keeps, valid until the next call: nothing once the message is refused. `is_end` only
  // with Framing::dots.
  BodyPiece next(std::string_view input);

  // The message has ended: the rest of its content.
  std::string_view finish();

  // So many bytes more are announced: refuses what cannot fit.
  void expect(std::uint64_t bytes);

  // The first refusal stands.
  void refuse(Reply reply);
  const std::optional<Reply>& refusal() const { return refusal_; }

 private:
  std::string_view accept(std::string_view content);
  void check_fault();
  Reply too_large() const;

  BodyLimits limits_;
  BodyPipeline pipeline_;
  std::variant<DotUnstuffer, ChunkScanner> scanner_;
  std::optional<Reply> refusal_;
  std::uint64_t bytes_ = 0;
  std::string tail_;
};

}  // namespace sluice::smtp
