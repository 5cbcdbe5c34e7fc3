// BodyPipeline: the ordered stages that a message passes while it arrives, behind the scanner that
// finds its end and before the handler that keeps it.
//
// A stage sees the bytes in order, split anywhere, and gives on what the next one shall see: mostly
// the same bytes, without a copy. It may refuse the message, add to it, or only look at it.
// Pure: no I/O; one pipeline per session, begun anew for each message.
#pragma once

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

}  // namespace sluice::smtp
