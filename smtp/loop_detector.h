// LoopDetector: refuses a message that has passed so many hosts that it must run in a circle (RFC
// 5321 §6.3), by the number of Received: fields in its header.
//
// Behind the header it costs nothing. Pure: no I/O; a stage of the session's BodyPipeline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "smtp/body_pipeline.h"

namespace sluice::smtp {

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
