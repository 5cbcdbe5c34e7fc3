// Bodies that are stored in parts while they arrive.
#include <gtest/gtest.h>

#include "spool/pack.h"
#include "spool/record.h"
#include "spool/transaction.h"
#include "spool/verification.h"
#include "tests/unit/spool/spool_harness.h"

namespace sluice::spool {
namespace {

class LargeBodyTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(harness_.open()); }
  PartitionReport verify() {
    harness_.close();
    const auto report = verify_spool(harness_.settings.directory);
    EXPECT_TRUE(report) << report.error().sentence();
    for (const auto& finding : report->findings) ADD_FAILURE() << finding;
    return report->partitions.at(0);
  }

  TemporaryDirectory directory_;
  SpoolHarness harness_{small_spool(directory_)};
};

TEST_F(LargeBodyTest, ComesBackWhole) {
  const auto body = pattern(5'000'000, 21);
  const auto accepted = harness_.accept({.body = body});
  ASSERT_TRUE(accepted) << accepted.error().sentence();
  EXPECT_EQ(accepted->body, nullptr);
  const EnvelopeKey key{accepted->id, 0};
  EXPECT_EQ(harness_.read(key)->body_parts, 5U);
  EXPECT_EQ(harness_.read(key)->body_bytes, body.size());
  EXPECT_EQ(harness_.read_body(key).value(), body);
}

TEST_F(LargeBodyTest, StaysInMemoryUpToExactlyOnePart) {
  const auto whole = harness_.accept({.body = pattern(kBodyPartBytes, 22)});
  ASSERT_TRUE(whole);
  EXPECT_NE(whole->body, nullptr);
  const auto longer = harness_.accept({.body = pattern(kBodyPartBytes + 1, 22)});
  ASSERT_TRUE(longer);
  EXPECT_EQ(longer->body, nullptr);
  EXPECT_EQ(harness_.read({longer->id, 0})->body_parts, 2U);
  EXPECT_EQ(harness_.read_body({whole->id, 0}).value(), pattern(kBodyPartBytes, 22));
  EXPECT_EQ(harness_.read_body({longer->id, 0}).value(), pattern(kBodyPartBytes + 1, 22));
}

TEST_F(LargeBodyTest, NeverLiesInMemoryWhole) {
  TestMessage message{.body = pattern(30 << 20, 23)};
  SpoolSettings settings = harness_.settings;
  harness_.close();
  SpoolHarness tight(settings);
  ASSERT_TRUE(tight.open());
  // Room for the parts that may be on their way, and one that fills.
  ASSERT_TRUE(tight.budget.try_reserve(tight.budget.limit() - mebibytes(6)));
  EXPECT_TRUE(tight.accept(message));
  tight.budget.release(tight.budget.limit() - mebibytes(6));
}

TEST_F(LargeBodyTest, SaysWhenTheMemoryForReceptionIsUsedUp) {
  ASSERT_TRUE(harness_.budget.try_reserve(harness_.budget.limit() - mebibytes(1)));
  const auto accepted = harness_.accept({.body = pattern(3 << 20, 23)});
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code(), ErrorCode::out_of_budget);
  harness_.budget.release(harness_.budget.limit() - mebibytes(1));
}

TEST_F(LargeBodyTest, IsRemovedWithItsLastEnvelope) {
  const auto key = harness_.accept_one({.body = pattern(3'000'000, 24), .envelopes = {"a", "b"}});
  ASSERT_TRUE(harness_.record(delivered(key)));
  ASSERT_TRUE(harness_.flush());
  EXPECT_TRUE(harness_.read_body({key.message, 1}));
  ASSERT_TRUE(harness_.record(delivered({key.message, 1})));
  ASSERT_TRUE(harness_.flush());
  const auto report = verify();
  EXPECT_EQ(report.parts, 0U);
  EXPECT_EQ(report.packs, 0U);
}

Task<Result<void>> begin_and_give_up(Shard& shard, Spool& spool, MessageId id,
                                     const std::string& bytes) {
  const auto body = spool.begin_body(shard, id);
  co_return co_await body->append(bytes);
}

TEST_F(LargeBodyTest, IsRemovedWhenItIsNotAccepted) {
  const auto bytes = pattern(4'000'000, 25);
  const auto id = harness_.next_id();
  const auto appended = harness_.shards().run<Result<void>>(
      0, [&](Shard& shard) { return begin_and_give_up(shard, harness_.spool(), id, bytes); });
  ASSERT_TRUE(appended);
  ASSERT_TRUE(harness_.flush());
  EXPECT_EQ(verify().parts, 0U);
}

// What a crash leaves when it hits a body that is arriving.
void plant_part(const std::string& partition, const MessageId& message, const ByteChain& body) {
  const auto environment = Environment::open(partition, mebibytes(256), Access::read_write);
  ASSERT_TRUE(environment);
  const auto transaction = WriteTransaction::begin(**environment);
  const auto key = encode_part_key({message, 0});
  const auto value = (*transaction)->reserve(Table::parts, key.view(), part_bytes(body));
  ASSERT_TRUE(value);
  write_part(*value, message, 0, body);
  ASSERT_TRUE((*transaction)->commit());
}

TEST_F(LargeBodyTest, IsRemovedAtTheNextStartWhenACrashCutIt) {
  const auto kept = harness_.accept_one({.body = pattern(3'000'000, 27)});
  const auto cut = harness_.next_id();
  harness_.close();
  ByteChain body(harness_.budget);
  ASSERT_TRUE(body.append(pattern(kBodyPartBytes, 26)));
  plant_part(harness_.settings.directory + "/00", cut, body);
  EXPECT_EQ(verify().reclaimable_parts, 1U);

  ASSERT_TRUE(harness_.open());
  // No mail comes: the first commit is the removal.
  ASSERT_TRUE(SpoolHarness::eventually(
      [this] { return harness_.metric("sluice_spool_commits_total") >= 1; }));
  EXPECT_EQ(harness_.read_body(kept).value(), pattern(3'000'000, 27));
  const auto report = verify();
  EXPECT_EQ(report.reclaimable_parts, 0U);
  EXPECT_EQ(report.parts, 3U);
}

TEST_F(LargeBodyTest, IsAValueOfItsOwnBesideLongMetadata) {
  const auto body = pattern(kBodyPartBytes, 28);
  TestMessage message{.body = body, .metadata = std::string(kMetadataBytesMax, 'm')};
  const auto key = harness_.accept_one(message);
  const auto envelope = harness_.read(key);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->body_parts, 1U);
  EXPECT_EQ(envelope->message_metadata, message.metadata);
  EXPECT_EQ(harness_.read_body(key).value(), body);
  EXPECT_EQ(verify().envelopes, 1U);
}

}  // namespace
}  // namespace sluice::spool
