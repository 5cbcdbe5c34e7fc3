#include "smtp/body_receiver.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "smtp/loop_detector.h"

namespace sluice::smtp {
namespace {

Reply reply_to(BodyFault fault) {
  switch (fault) {
    case BodyFault::bare_cr:
      return reply(554, {5, 6, 0},
                   "The message contains a bare CR (carriage return without line feed); lines must "
                   "end with CRLF");
    case BodyFault::bare_lf:
      return reply(554, {5, 6, 0},
                   "The message contains a bare LF (line feed without carriage return); lines must "
                   "end with CRLF");
    case BodyFault::nul:
    case BodyFault::none:
      break;
  }
  // RFC 6152 §3 and RFC 2045 §2.8: also 8-bit data has no NUL.
  return reply(554, {5, 6, 0}, "The message contains a NUL byte; encode binary content");
}

}  // namespace

BodyReceiver::BodyReceiver(const BodyLimits& limits)
    : limits_(limits), scanner_(std::in_place_type<DotUnstuffer>, limits.bare_newlines) {
  pipeline_.add(std::make_unique<LoopDetector>(limits.received_headers_max));
}

void BodyReceiver::start(Framing framing) {
  if (framing == Framing::dots) {
    scanner_.emplace<DotUnstuffer>(limits_.bare_newlines);
  } else {
    scanner_.emplace<ChunkScanner>(limits_.bare_newlines);
  }
  pipeline_.start();
  refusal_.reset();
  bytes_ = 0;
}

BodyPiece BodyReceiver::next(std::string_view input) {
  BodyPiece piece = std::visit([input](auto& scanner) { return scanner.next(input); }, scanner_);
  check_fault();
  piece.content = accept(piece.content);
  return piece;
}

std::string_view BodyReceiver::finish() {
  tail_.clear();
  if (auto* chunks = std::get_if<ChunkScanner>(&scanner_)) {
    const std::string_view last = chunks->finish();
    check_fault();
    tail_ += accept(last);
  }
  if (refusal_) return {};
  auto held_back = pipeline_.finish();
  if (!held_back) {
    refuse(std::move(held_back).error());
    return {};
  }
  tail_ += *held_back;
  return tail_;
}

void BodyReceiver::expect(std::uint64_t bytes) {
  const bool fits =
      bytes_ <= limits_.message_bytes_max && bytes <= limits_.message_bytes_max - bytes_;
  if (!fits) refuse(too_large());
}

void BodyReceiver::refuse(Reply reply) {
  if (!refusal_) refusal_ = std::move(reply);
}

std::string_view BodyReceiver::accept(std::string_view content) {
  if (refusal_ || content.empty()) return {};
  bytes_ += content.size();
  if (bytes_ > limits_.message_bytes_max) {
    refuse(too_large());
    return {};
  }
  auto passed = pipeline_.consume(content);
  if (passed) return *passed;
  refuse(std::move(passed).error());
  return {};
}

void BodyReceiver::check_fault() {
  const BodyFault fault = std::visit([](const auto& scanner) { return scanner.fault(); }, scanner_);
  if (fault != BodyFault::none) refuse(reply_to(fault));
}

Reply BodyReceiver::too_large() const {
  return reply(
      552, {5, 3, 4},
      fmt::format("The message is larger than the limit of {} bytes", limits_.message_bytes_max));
}

}  // namespace sluice::smtp
