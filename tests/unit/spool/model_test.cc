// Random sequences of everything a spool is asked for, with crashes in between, held against a
// model in memory. SLUICE_SPOOL_SEED repeats the choices of a run, SLUICE_SPOOL_ROUNDS makes it
// longer.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "spool/verification.h"
#include "tests/unit/spool/random_work.h"
#include "tests/unit/spool/write_recorder.h"

namespace sluice::spool {
namespace {

constexpr std::size_t kRounds = 150;

std::size_t rounds_of_run() {
  const char* const given =
      std::getenv("SLUICE_SPOOL_ROUNDS");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return given != nullptr ? std::strtoull(given, nullptr, 10) : kRounds;
}

class ModelTest : public testing::Test {
 protected:
  ModelTest() : harness_(eager(directory_)) {}
  static SpoolSettings eager(const TemporaryDirectory& directory) {
    auto settings = small_spool(directory);
    settings.compaction_delay = Duration::zero();
    settings.queue_idle = Duration::zero();
    return settings;
  }
  std::string file() const { return harness_.settings.directory + "/00/data.mdb"; }

  void SetUp() override {
    ASSERT_TRUE(harness_.open());  // makes the file
    harness_.close();
  }
  void open() {
    recorder_.emplace(file());
    const auto opened = harness_.open();
    ASSERT_TRUE(opened) << opened.error().sentence();
  }
  // What happened until the spool is closed counts for the metrics of the whole run.
  void close() {
    compactions_ += harness_.metric("sluice_spool_packs_compacted_total");
    names_removed_ += harness_.metric("sluice_spool_queue_names_removed_total");
    harness_.close();
    recorder_.reset();
    verify();
  }
  void verify() {
    const auto report = verify_spool(harness_.settings.directory);
    ASSERT_TRUE(report) << report.error().sentence();
    for (const auto& finding : report->findings) ADD_FAILURE() << finding;
  }
  void adopt(const SpoolModel::Comparison& comparison) {
    for (const auto& problem : comparison.problems) ADD_FAILURE() << problem;
    model_.become(comparison);
  }

  void compare_while_it_runs() {
    work_.flush(harness_);
    adopt(model_.compare_running(harness_));
  }
  void reopen() {
    close();
    model_.flushed(0);
    ASSERT_NO_FATAL_FAILURE(open());
    adopt(model_.compare_opened(harness_, kNoPlace));
  }
  // The process is killed while a round is under way, after a random number of writes.
  void crash() {
    WriteRecorder::Kill kill{};
    const auto events = recorder_->size() + work_.below(60);
    std::jthread killer([&](const std::stop_token& round_is_over) {
      while (!round_is_over.stop_requested() && recorder_->size() < events)
        std::this_thread::yield();
      kill = recorder_->kill();
    });
    work_.round(harness_);
    killer.request_stop();
    killer.join();
    close();
    write_file(file(), kill.image);
    verify();
    ASSERT_NO_FATAL_FAILURE(open());
    adopt(model_.compare_opened(harness_, kill.events));
  }

  TemporaryDirectory directory_{place_without_disk()};
  std::optional<WriteRecorder> recorder_;
  SpoolHarness harness_;
  SpoolModel model_;
  RandomWork work_{seed_of_run("SLUICE_SPOOL_SEED"), model_, [this] { return recorder_->mark(); }};
  std::uint64_t compactions_ = 0;
  std::uint64_t names_removed_ = 0;
};

TEST_F(ModelTest, TheSpoolKeepsWhatTheModelKeeps) {
  ASSERT_NO_FATAL_FAILURE(open());
  std::size_t crashes = 0;
  const auto rounds = rounds_of_run();
  for (std::size_t round = 0; round < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    work_.round(harness_);
    switch (work_.below(8)) {
      case 0:
        crash();
        ++crashes;
        break;
      case 1:
        reopen();
        break;
      case 2:
        compare_while_it_runs();
        break;
      case 3:
      case 4:
        work_.flush(harness_);
        break;
      default:
        break;
    }
  }
  compare_while_it_runs();
  close();
  std::printf("%zu steps, %zu crashes, %llu packs compacted, %llu queue names removed\n",
              work_.steps(), crashes, static_cast<unsigned long long>(compactions_),
              static_cast<unsigned long long>(names_removed_));
  EXPECT_GT(work_.steps(), rounds * 5);
  EXPECT_GT(compactions_, 0U);
  EXPECT_GT(names_removed_, 0U);
}

}  // namespace
}  // namespace sluice::spool
