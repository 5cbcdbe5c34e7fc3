// BodyPipeline: the ordered stages that a message passes while it arrives, behind the scanner that
// finds its end and before the handler that keeps it.
//
// A stage sees the bytes in order, split anywhere, and gives on what the next one shall see: mostly
// the same bytes, without a copy. It may refuse the message. Later stages add header fields,
// or hash the body. Pure: no I/O; one pipeline per session, begun anew for each message.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/reply.h"

namespace sluice::smtp {

// The bytes that go on, valid until the stage is called again; or the reply that ends the message.
using StageResult = std::expected<std::string_view, Reply>;

class BodyStage {
 public:
  virtual ~BodyStage() = default;

  // A new message begins.
  virtual void start() = 0;
  virtual StageResult consume(std::string_view bytes) = 0;
  // The message is complete: what was held back.
  virtual StageResult finish() = 0;
};

class BodyPipeline {
 public:
  void add(std::unique_ptr<BodyStage> stage);

  void start();
  StageResult consume(std::string_view bytes);
  // What the stages held back, each passed through those behind it.
  StageResult finish();

 private:
  StageResult consume_from(std::size_t first, std::string_view bytes);

  std::vector<std::unique_ptr<BodyStage>> stages_;
  std::string held_back_;
};

// Counts the Received: fields of the header: a message that passed too many hosts runs in a circle
// (RFC 5321 §6.3). Behind the header it costs nothing.
class LoopDetector final : public BodyStage {
 public:
  explicit LoopDetector(std::uint32_t received_headers_max)
      : received_headers_max_(received_headers_max) {}

  void start() override;
  StageResult consume(std::string_view bytes) override;
  StageResult finish() override { return std::string_view(); }

 private:
  enum class Place : std::uint8_t { in_name, in_line, behind_header };

  void match_name(std::string_view& rest);
  void skip_line(std::string_view& rest);

  std::uint32_t received_headers_max_;
  std::uint32_t received_headers_ = 0;
  Place place_ = Place::in_name;
  std::size_t matched_ = 0;  // bytes of "Received:" that the line began with
};

}  // namespace sluice::smtp
