#include "spool/compaction.h"

#include <gtest/gtest.h>

#include "spool/verification.h"
#include "tests/unit/spool/spool_harness.h"

namespace sluice::spool {
namespace {

constexpr std::size_t kMessages = 60;
constexpr std::size_t kBodyBytes = 10'000;

Task<Result<void>> store_many(Shard& shard, Spool& spool, const std::vector<MessageId>& ids) {
  TaskScope scope(shard.run_queue());
  struct Store {
    static Task<void> one(Shard& on, Spool& into, MessageId id, std::uint64_t seed,
                          Result<void>& result) {
      auto accepted = co_await store(on, into, id, {.body = pattern(kBodyBytes, seed)});
      if (!accepted) result = std::unexpected(std::move(accepted).error());
    }
  };
  Result<void> result;
  for (std::size_t i = 0; i < ids.size(); ++i)
    scope.spawn(Store::one(shard, spool, ids[i], i, result));
  co_await scope.join();
  co_return result;
}

class CompactionTest : public testing::Test {
 protected:
  CompactionTest() : harness_(eager(directory_)) {}
  void SetUp() override {
    ASSERT_TRUE(harness_.open());
    // Sent together from one shard, many share a pack.
    for (std::size_t i = 0; i < kMessages; ++i) ids_.push_back(harness_.next_id());
    const auto stored = harness_.shards().run<Result<void>>(
        0, [&](Shard& shard) { return store_many(shard, harness_.spool(), ids_); });
    ASSERT_TRUE(stored);
  }
  static SpoolSettings eager(const TemporaryDirectory& directory) {
    auto settings = small_spool(directory);
    settings.compaction_delay = Duration::zero();
    return settings;
  }
  // Ends all messages but every tenth.
  void thin_out() {
    for (std::size_t i = 0; i < kMessages; ++i) {
      if (i % 10 != 0) ASSERT_TRUE(harness_.record(delivered({ids_[i], 0})));
    }
    ASSERT_TRUE(harness_.flush());
  }
  void expect_survivors() {
    for (std::size_t i = 0; i < kMessages; i += 10) {
      ASSERT_EQ(harness_.read_body({ids_[i], 0}).value(), pattern(kBodyBytes, i)) << i;
    }
  }
  bool eventually_compacted() {
    return SpoolHarness::eventually(
        [this] { return harness_.metric("sluice_spool_packs_compacted_total") > 0; });
  }

  TemporaryDirectory directory_;
  SpoolHarness harness_;
  std::vector<MessageId> ids_;
};

TEST_F(CompactionTest, KeepsWhatStillLives) {
  thin_out();
  ASSERT_TRUE(eventually_compacted());
  expect_survivors();
  harness_.close();
  const auto report = verify_spool(harness_.settings.directory);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->is_clean());
  EXPECT_EQ(report->partitions.at(0).envelopes, kMessages / 10);
  EXPECT_LT(report->partitions.at(0).pack_bytes, kMessages * kBodyBytes / 2);
  ASSERT_TRUE(harness_.open());
  expect_survivors();
}

TEST_F(CompactionTest, FindsSparsePacksAfterARestart) {
  harness_.close();
  harness_.settings.compaction_delay = std::chrono::hours(1);
  ASSERT_TRUE(harness_.open());
  thin_out();
  EXPECT_EQ(harness_.metric("sluice_spool_packs_compacted_total"), 0U);
  harness_.close();
  harness_.settings.compaction_delay = Duration::zero();
  ASSERT_TRUE(harness_.open());
  ASSERT_TRUE(eventually_compacted());
  expect_survivors();
}

TEST_F(CompactionTest, RemovesARewrittenPackWithItsLastEnvelope) {
  thin_out();
  ASSERT_TRUE(eventually_compacted());
  for (std::size_t i = 0; i < kMessages; i += 10)
    ASSERT_TRUE(harness_.record(delivered({ids_[i], 0})));
  ASSERT_TRUE(harness_.flush());
  harness_.close();
  const auto report = verify_spool(harness_.settings.directory);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->partitions.at(0).packs, 0U);
}

TEST(Compaction, DeclinesPacksThatAreNotThere) {
  TemporaryDirectory directory;
  const auto environment = Environment::open(directory.path(), mebibytes(8), Access::read_write);
  ASSERT_TRUE(environment);
  std::deque<std::uint64_t> packs = {4, 5};
  const auto copied = copy_survivors(**environment, packs);
  ASSERT_TRUE(copied);
  EXPECT_TRUE(packs.empty());
  EXPECT_EQ(copied->packs.declined, (std::vector<std::uint64_t>{4, 5}));
  EXPECT_TRUE(copied->packs.survivors.empty());
}

}  // namespace
}  // namespace sluice::spool
