#include "smtp/body_pipeline.h"

#include <gmock/gmock.h>

namespace sluice::smtp {
namespace {

// Holds every byte back until the message ends, then gives it behind its name.
class HoldingStage final : public BodyStage {
 public:
  explicit HoldingStage(std::string name) : name_(std::move(name)) {}
  void start() override { held_.clear(); }
  StageResult consume(std::string_view bytes) override {
    held_ += bytes;
    return std::string_view();
  }
  StageResult finish() override {
    held_.insert(0, name_);
    return std::string_view(held_);
  }

 private:
  std::string name_;
  std::string held_;
};

class RefusingStage final : public BodyStage {
 public:
  void start() override {}
  StageResult consume(std::string_view /*bytes*/) override {
    return std::unexpected(reply(554, {}, "No"));
  }
  StageResult finish() override { return std::string_view(); }
};

TEST(BodyPipeline, WithoutStagesPassesEverything) {
  BodyPipeline pipeline;
  pipeline.start();
  EXPECT_EQ(pipeline.consume("abc").value(), "abc");
  EXPECT_EQ(pipeline.finish().value(), "");
}

TEST(BodyPipeline, PassesWhatAStageHeldBackThroughThoseBehindIt) {
  BodyPipeline pipeline;
  pipeline.add(std::make_unique<HoldingStage>("1"));
  pipeline.add(std::make_unique<HoldingStage>("2"));
  for (int message = 0; message < 2; ++message) {
    pipeline.start();
    EXPECT_EQ(pipeline.consume("a").value(), "");
    EXPECT_EQ(pipeline.consume("b").value(), "");
    EXPECT_EQ(pipeline.finish().value(), "21ab");
  }
}

TEST(BodyPipeline, StopsAtTheFirstRefusal) {
  BodyPipeline pipeline;
  pipeline.add(std::make_unique<HoldingStage>("1"));
  pipeline.add(std::make_unique<RefusingStage>());
  pipeline.start();
  EXPECT_TRUE(pipeline.consume("a"));
  EXPECT_EQ(pipeline.finish().error().code, 554);
}

}  // namespace
}  // namespace sluice::smtp
