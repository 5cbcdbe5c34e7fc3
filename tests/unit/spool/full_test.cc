// A full spool refuses new mail and nothing else.
#include <gtest/gtest.h>

#include "spool/space_watch.h"
#include "spool/verification.h"
#include "tests/unit/spool/spool_harness.h"

namespace sluice::spool {
namespace {

class FullTest : public testing::Test {
 protected:
  FullTest() : harness_(tiny_spool(directory_)) {}
  void SetUp() override { ASSERT_TRUE(harness_.open()); }

  static SpoolSettings tiny_spool(const TemporaryDirectory& directory) {
    auto settings = small_spool(directory);
    settings.size = mebibytes(8);
    settings.disk_free = ByteCount(0);
    return settings;
  }
  // Accepts until it is refused; gives what was accepted.
  std::vector<EnvelopeKey> fill(std::size_t body_bytes) {
    std::vector<EnvelopeKey> keys;
    while (true) {
      const auto accepted = harness_.accept({.body = pattern(body_bytes, keys.size())});
      if (!accepted) {
        EXPECT_EQ(accepted.error().code(), ErrorCode::storage_full) << accepted.error().sentence();
        return keys;
      }
      keys.push_back({accepted->id, 0});
    }
  }

  TemporaryDirectory directory_;
  SpoolHarness harness_;
};

TEST_F(FullTest, RefusesNewMailAndKeepsWhatItHas) {
  const auto keys = fill(100'000);
  EXPECT_GT(keys.size(), 40U);
  EXPECT_FALSE(harness_.spool().has_room(Space::reserved));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ASSERT_EQ(harness_.read_body(keys[i]).value(), pattern(100'000, i));
  }
}

TEST_F(FullTest, AnotherLimitOfTheDiskCountsWithoutMail) {
  harness_.spool().set_disk_free(gibibytes(1 << 20));
  EXPECT_TRUE(
      SpoolHarness::eventually([this] { return !harness_.spool().has_room(Space::reserved); }));
  harness_.spool().set_disk_free(ByteCount(0));
  EXPECT_TRUE(
      SpoolHarness::eventually([this] { return harness_.spool().has_room(Space::reserved); }));
}

TEST_F(FullTest, StillRecordsOutcomesAndThenAcceptsAgain) {
  const auto keys = fill(100'000);
  for (const auto& key : keys) ASSERT_TRUE(harness_.record(delivered(key)));
  ASSERT_TRUE(harness_.flush());
  EXPECT_EQ(harness_.spool().accounting().queued, 0U);
  EXPECT_TRUE(
      SpoolHarness::eventually([this] { return harness_.spool().has_room(Space::reserved); }));
  EXPECT_TRUE(harness_.accept({.body = pattern(100'000, 1)}));
}

TEST_F(FullTest, RefusesABodyInPartsAndRemovesThem) {
  const auto keys = fill(1'000'000);
  const auto accepted = harness_.accept({.body = pattern(5 << 20, 1)});
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code(), ErrorCode::storage_full);
  static_cast<void>(harness_.flush());  // may say that it is full: what counts is on disk
  harness_.close();
  const auto report = verify_spool(harness_.settings.directory);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->is_clean());
  EXPECT_EQ(report->partitions.at(0).envelopes, keys.size());
  EXPECT_EQ(report->partitions.at(0).parts, 0U);
}

TEST_F(FullTest, RecordsDeferralsOneByOne) {
  const auto keys = fill(20'000);
  for (const auto& key : keys)
    ASSERT_TRUE(harness_.record(deferred(key, 1, std::string(500, 'r'))));
  // As many as fit; then their room comes from what is delivered.
  for (const auto& key : keys) ASSERT_TRUE(harness_.record(delivered(key)));
  EXPECT_TRUE(SpoolHarness::eventually([this] { return harness_.flush().has_value(); }));
  EXPECT_EQ(harness_.spool().accounting().delivered, keys.size());
}

TEST_F(FullTest, HasNoRoomBelowTheFreeSpaceToKeepAndLetsOutWhatItHas) {
  const auto key = harness_.accept_one({.body = "kept"});
  harness_.close();
  auto settings = harness_.settings;
  settings.disk_free = ByteCount(UINT64_MAX);  // no disk has it
  SpoolHarness greedy(settings);
  ASSERT_TRUE(greedy.open());
  EXPECT_FALSE(greedy.spool().has_room(Space::reserved));
  EXPECT_EQ(greedy.read_body(key).value(), "kept");
  ASSERT_TRUE(greedy.record(delivered(key)));
  ASSERT_TRUE(greedy.flush());
  EXPECT_EQ(greedy.spool().accounting().queued, 0U);
}

}  // namespace
}  // namespace sluice::spool
