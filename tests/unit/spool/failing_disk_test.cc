// A disk that fails while LMDB writes its meta page: nobody knows what is on it, so the batch is
// refused, the spool is dead, and the next start finds what was acknowledged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spool/verification.h"
#include "tests/unit/spool/spool_harness.h"
#include "tests/unit/spool/write_recorder.h"

namespace sluice::spool {
namespace {

class FailingDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(harness_.open());
    kept_ = harness_.accept_one({.body = pattern(20'000, 51)});
    harness_.expects_fatal = true;
    disk_.fail_meta_writes();
  }
  // After a restart on a sound disk.
  void expect_consistent(std::size_t envelopes) {
    harness_.close();
    const auto report = verify_spool(harness_.settings.directory);
    ASSERT_TRUE(report) << report.error().sentence();
    EXPECT_THAT(report->findings, testing::IsEmpty());
    ASSERT_TRUE(harness_.open());
    EXPECT_EQ(harness_.recovered().size(), envelopes);
    EXPECT_EQ(harness_.read_body(*kept_).value(), pattern(20'000, 51));
    EXPECT_TRUE(harness_.accept({.body = "x"}));
  }
  void repair() { disk_recorder_.reset(); }

  TemporaryDirectory directory_;
  SpoolHarness harness_{small_spool(directory_)};
  std::optional<WriteRecorder> disk_recorder_{std::in_place,
                                              harness_.settings.directory + "/00/data.mdb"};
  WriteRecorder& disk_ = *disk_recorder_;
  std::optional<EnvelopeKey> kept_;
};

TEST_F(FailingDiskTest, RefusesTheBatchAndSaysThatTheProcessMustEnd) {
  const auto accepted = harness_.accept({.body = "y"});
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code(), ErrorCode::storage_failed);
  EXPECT_THAT(harness_.wait_for_fatal().sentence(), testing::HasSubstr("commit"));
  // Also what comes later, whatever the disk does then.
  repair();
  EXPECT_EQ(harness_.accept({.body = "z"}).error().code(), ErrorCode::storage_failed);
  EXPECT_FALSE(harness_.flush());
  expect_consistent(1);
}

TEST_F(FailingDiskTest, ForgetsTheOutcomesOfTheBatch) {
  ASSERT_TRUE(harness_.record(delivered(*kept_)));
  EXPECT_FALSE(harness_.flush());
  EXPECT_EQ(harness_.wait_for_fatal().code(), ErrorCode::storage_failed);
  repair();
  expect_consistent(1);
}

TEST_F(FailingDiskTest, RefusesABodyInParts) {
  const auto accepted = harness_.accept({.body = pattern(5 << 20, 52)});
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code(), ErrorCode::storage_failed);
  repair();
  expect_consistent(1);
}

}  // namespace
}  // namespace sluice::spool
