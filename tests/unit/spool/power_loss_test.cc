// The power fails at any moment: what was acknowledged is there, nothing is corrupt.
//
// A run of random work is recorded write by write. Then, for many places in it, the file is rebuilt
// from what was synced and a random part of the rest, and opened. SLUICE_SPOOL_SEED repeats the
// choices of a run, SLUICE_SPOOL_CUTS makes it longer.
#include <gtest/gtest.h>
#include <lmdb.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "spool/environment.h"
#include "spool/transaction.h"
#include "spool/verification.h"
#include "tests/unit/spool/random_work.h"
#include "tests/unit/spool/write_recorder.h"

namespace sluice::spool {
namespace {

constexpr std::size_t kCuts = 160;
constexpr std::size_t kRounds = 60;
constexpr std::size_t kRoundsPerFlush = 3;

std::size_t cuts_of_run() {
  const char* const given =
      std::getenv("SLUICE_SPOOL_CUTS");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return given != nullptr ? std::strtoull(given, nullptr, 10) : kCuts;
}

class PowerLossTest : public testing::Test {
 protected:
  PowerLossTest() : harness_(eager(directory_)) {}
  static SpoolSettings eager(const TemporaryDirectory& directory) {
    auto settings = small_spool(directory);
    settings.compaction_delay = Duration::zero();
    settings.queue_idle = Duration::zero();
    return settings;
  }
  std::string partition() const { return harness_.settings.directory + "/00"; }

  std::string file() const { return partition() + "/data.mdb"; }
  void open_and_close() {
    const auto opened = harness_.open();
    SLUICE_ASSERT(opened.has_value(), "a sound spool opens");
    harness_.close();
  }
  // The life of a spool, from the first message on.
  void record() {
    open_and_close();
    WriteRecorder recorder(file());
    RandomWork work(seed_, model_, [&recorder] { return recorder.mark(); });
    const auto opened = harness_.open();
    SLUICE_ASSERT(opened.has_value(), "a sound spool opens");
    for (std::size_t round = 0; round < kRounds; ++round) {
      work.round(harness_);
      if (round % kRoundsPerFlush == 0) work.flush(harness_);
    }
    compactions_ = harness_.metric("sluice_spool_packs_compacted_total");
    harness_.close();
    before_ = recorder.before();
    events_ = recorder.events();
  }
  // Places behind writes and syncs, in order.
  std::vector<Place> choose_cuts(std::size_t count) {
    std::vector<Place> cuts;
    while (cuts.size() < count) {
      const auto event = chance_.below(events_.size());
      if (events_[event].kind != DiskEvent::Kind::mark) cuts.push_back(event + 1);
    }
    std::ranges::sort(cuts);
    return cuts;
  }
  // As an older sluice left it: its number stands in the file.
  using Change = void (*)(const Environment&);
  void become_older(Change change) {
    const auto environment =
        Environment::open(partition(), harness_.settings.size, Access::read_write);
    ASSERT_TRUE(environment);
    const auto transaction = WriteTransaction::begin(**environment);
    ASSERT_TRUE((*transaction)->put(Table::meta, "format", std::string("\x01\0\0\0", 4)));
    ASSERT_TRUE((*transaction)->commit());
    change(**environment);
  }
  // The power fails behind each write and sync of the upgrade; `worked` is where the work ended.
  void cut_the_upgrade(Place worked) {
    WriteRecorder recorder(file());
    ASSERT_TRUE(Environment::open(partition(), harness_.settings.size, Access::read_write));
    const auto events = recorder.events();
    EXPECT_FALSE(events.empty());
    DiskReplay disk(recorder.before());
    for (const auto& event : events) {
      disk.apply(event);
      for (const double chance : {0.0, 0.5, 1.0}) {
        std::filesystem::remove_all(partition());
        std::filesystem::create_directories(partition());
        write_file(file(), disk.after_power_loss(chance, chance_));
        ASSERT_TRUE(Environment::open(partition(), harness_.settings.size, Access::read_write));
        for (const auto& problem : problems_here(worked)) ADD_FAILURE() << problem;
      }
    }
  }
  // Everything that is wrong with a spool that wakes up with this file.
  std::vector<std::string> problems_of(const std::string& image, Place cut) {
    std::filesystem::remove_all(partition());
    std::filesystem::create_directories(partition());
    write_file(file(), image);
    return problems_here(cut);
  }
  std::vector<std::string> problems_here(Place cut) {
    auto problems = findings();
    if (!problems.empty()) return problems;
    if (const auto opened = harness_.open(); !opened) return {opened.error().sentence()};
    problems = model_.compare_opened(harness_, cut).problems;
    const auto accepted = harness_.accept({.body = "it goes on"});
    if (!accepted) problems.push_back(accepted.error().sentence());
    harness_.close();
    std::ranges::move(findings(), std::back_inserter(problems));
    return problems;
  }
  std::vector<std::string> findings() const {
    const auto report = verify_spool(harness_.settings.directory);
    if (!report) return {report.error().sentence()};
    return report->findings;
  }

  std::uint64_t seed_ = seed_of_run("SLUICE_SPOOL_SEED");
  Random chance_{seed_ + 1};
  TemporaryDirectory directory_{place_without_disk()};
  SpoolHarness harness_;
  SpoolModel model_;
  std::string before_;
  std::vector<DiskEvent> events_;
  std::uint64_t compactions_ = 0;
};

TEST_F(PowerLossTest, KeepsWhatWasAcknowledgedAndNothingIsCorrupt) {
  record();
  DiskReplay disk(before_);
  Place replayed = 0;
  const auto cuts = choose_cuts(cuts_of_run());
  for (const auto cut : cuts) {
    for (; replayed < cut; ++replayed) disk.apply(events_[replayed]);
    const auto image = disk.after_power_loss(chance_.fraction(), chance_);
    for (const auto& problem : problems_of(image, cut))
      ADD_FAILURE() << "cut " << cut << " of " << events_.size() << ": " << problem;
    if (HasFailure()) break;
  }
  std::printf("%zu cuts in %zu events, %llu packs compacted\n", cuts.size(), events_.size(),
              static_cast<unsigned long long>(compactions_));
}

TEST_F(PowerLossTest, LeavesASpoolThatOpensWhenItHitsTheMakingOfIt) {
  std::filesystem::remove_all(partition());
  WriteRecorder recorder(partition() + "/new/data.mdb");
  open_and_close();
  const auto events = recorder.events();
  DiskReplay disk{std::string()};
  for (const auto& event : events) {
    disk.apply(event);
    for (const double chance : {0.0, 0.5, 1.0}) {
      std::filesystem::remove_all(partition());
      std::filesystem::create_directories(partition() + "/new");
      write_file(partition() + "/new/data.mdb", disk.after_power_loss(chance, chance_));
      for (const auto& problem : problems_here(0)) ADD_FAILURE() << problem;
    }
  }
  EXPECT_FALSE(events.empty());
  // Moved to its place only when all of it was synced.
  for (const auto& problem : problems_of(disk.after_power_loss(0, chance_), 0))
    ADD_FAILURE() << problem;
}

// The upgrade is one transaction: before it, or behind it, at every write and sync.
TEST_F(PowerLossTest, LeavesASpoolThatOpensWhenItHitsTheUpgradeOfAnOlderFormat) {
  record();
  become_older([](const Environment&) {});
  cut_the_upgrade(events_.size());
}

TEST_F(PowerLossTest, LeavesASpoolThatOpensWhenItHitsTheMakingOfItsLedger) {
  open_and_close();
  become_older([](const Environment& environment) {
    MDB_txn* transaction = nullptr;
    ASSERT_EQ(mdb_txn_begin(environment.handle(), nullptr, 0, &transaction), 0);
    ASSERT_EQ(mdb_drop(transaction, environment.table(Table::ledger), 1), 0);
    ASSERT_EQ(mdb_txn_commit(transaction), 0);
  });
  cut_the_upgrade(0);
}

TEST_F(PowerLossTest, LeavesASpoolThatOpensWhereItsFileIsEmpty) {
  for (const auto& problem : problems_of(std::string(), 0)) ADD_FAILURE() << problem;
}

TEST_F(PowerLossTest, IsSeenWhereADiskForgetsWhatItSynced) {
  record();
  // As before the first message, at a place where messages had been acknowledged.
  EXPECT_GT(problems_of(before_, events_.size()).size(), 10U);
}

}  // namespace
}  // namespace sluice::spool
