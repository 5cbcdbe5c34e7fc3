#include "spool/census.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/spool/record_fixture.h"

namespace sluice::spool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kFirstNew = 10;
constexpr std::uint64_t kOldPack = 3;

EnvelopeKey key(std::uint8_t number) { return {MessageId::from_bytes({number}), 0}; }

class CensusTest : public testing::Test {
 protected:
  CensusTest() { EXPECT_TRUE(names_.load(kQueue, "acme@example.net")); }

  // One envelope in the old pack, as the recovery counted it.
  static RecoveredUses one_envelope(std::vector<WalkedRange> ranges) {
    return {.packs = {{kOldPack, {.envelopes = 1, .live_bytes = 100, .bytes = 200}}},
            .queues = {{kQueue, 1}},
            .ranges = std::move(ranges)};
  }
  bool queue_is_empty() {
    const auto empty = census_.queues().take_empty();
    return empty == std::vector<std::uint32_t>{kQueue};
  }

  static constexpr std::uint32_t kQueue = 1;  // of in_pack()
  QueueNames names_;
  Census census_{kFirstNew, names_, {kQueue}};
};

TEST_F(CensusTest, KeepsWhatWasThereUntilTheRecoveryEnds) {
  census_.end(key(1), in_pack(kOldPack), 7);
  EXPECT_FALSE(census_.packs().take_finished(kOldPack));
  census_.keep();
  EXPECT_FALSE(queue_is_empty());
  // The walk read the record in a transaction before the one that ended it.
  EXPECT_THAT(census_.merge(one_envelope({{.last = key(255), .transaction = 6}})),
              ElementsAre(kOldPack));
  EXPECT_TRUE(queue_is_empty());
}

TEST_F(CensusTest, DoesNotCountTwiceWhatEndedBeforeTheWalkCameBy) {
  census_.end(key(1), in_pack(kOldPack), 7);
  census_.keep();
  // The one envelope that was counted is another.
  EXPECT_THAT(census_.merge(one_envelope(
                  {{.last = key(0), .transaction = 5}, {.last = key(255), .transaction = 7}})),
              IsEmpty());
  EXPECT_FALSE(queue_is_empty());
  census_.end(key(2), in_pack(kOldPack), 9);
  EXPECT_TRUE(census_.packs().take_finished(kOldPack));
  census_.keep();
  EXPECT_TRUE(queue_is_empty());
}

TEST_F(CensusTest, ForgetsEndsOfAbortedTransactionsDuringTheRecovery) {
  census_.end(key(1), in_pack(kOldPack), 7);
  census_.forget();
  EXPECT_THAT(census_.merge(one_envelope({{.last = key(255), .transaction = 6}})), IsEmpty());
  EXPECT_FALSE(queue_is_empty());
}

TEST_F(CensusTest, CountsNewEnvelopesWhileTheRecoveryWalks) {
  census_.packs().add_pack(kFirstNew, 100);
  census_.add(in_pack(kFirstNew));
  census_.keep();
  EXPECT_THAT(census_.merge({}), IsEmpty());
  EXPECT_FALSE(queue_is_empty());
  census_.end(key(1), in_pack(kFirstNew), 9);
  census_.keep();
  EXPECT_TRUE(queue_is_empty());
}

TEST_F(CensusTest, LeavesTheQueueOfWhatMoves) {
  census_.merge(one_envelope({}));
  census_.packs().add_pack(kFirstNew, 100);
  census_.move(in_pack(kOldPack), in_pack(kFirstNew));
  EXPECT_TRUE(census_.packs().take_finished(kOldPack));
  census_.keep();
  EXPECT_FALSE(queue_is_empty());
  census_.end(key(1), in_pack(kFirstNew), 9);
  EXPECT_TRUE(census_.packs().take_finished(kFirstNew));
  census_.keep();
  EXPECT_TRUE(queue_is_empty());
}

}  // namespace
}  // namespace sluice::spool
