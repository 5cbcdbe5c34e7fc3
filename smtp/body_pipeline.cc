#include "smtp/body_pipeline.h"

#include <utility>

namespace sluice::smtp {

void BodyPipeline::add(std::unique_ptr<BodyStage> stage) { stages_.push_back(std::move(stage)); }

void BodyPipeline::start() {
  held_back_.clear();
  for (const auto& stage : stages_) stage->start();
}

StageResult BodyPipeline::consume(std::string_view bytes) { return consume_from(0, bytes); }

StageResult BodyPipeline::consume_from(std::size_t first, std::string_view bytes) {
  for (std::size_t i = first; i < stages_.size() && !bytes.empty(); ++i) {
    auto passed = stages_[i]->consume(bytes);
    if (!passed) return passed;
    bytes = *passed;
  }
  return bytes;
}

StageResult BodyPipeline::finish() {
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    auto held_back = stages_[i]->finish();
    if (!held_back) return held_back;
    auto passed = consume_from(i + 1, *held_back);
    if (!passed) return passed;
    held_back_ += *passed;
  }
  return std::string_view(held_back_);
}

}  // namespace sluice::smtp
