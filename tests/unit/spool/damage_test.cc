// Damaged bytes are found, quarantined and never given out; verification finds what is planted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "spool/ledger.h"
#include "spool/record.h"
#include "spool/transaction.h"
#include "spool/verification.h"
#include "tests/unit/spool/spool_harness.h"

namespace sluice::spool {
namespace {

using testing::Contains;
using testing::HasSubstr;

class DamageTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(harness_.open()); }

  // Flips a bit of the file where it holds `bytes`, with the spool closed.
  void damage(std::string_view bytes) {
    harness_.close();
    const auto path = partition() + "/data.mdb";
    std::string content;
    {
      std::ifstream file(path, std::ios::binary);
      content.assign(std::istreambuf_iterator<char>(file), {});
    }
    const auto at = content.find(bytes);
    ASSERT_NE(at, std::string::npos);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at + bytes.size() / 2));
    file.put(static_cast<char>(content[at + bytes.size() / 2] ^ 4));
    ASSERT_TRUE(file.flush());
  }
  // Changes one row of the closed spool.
  void change(Table table, std::string_view key, std::string_view value) {
    harness_.close();
    const auto environment =
        Environment::open(partition(), harness_.settings.size, Access::read_write);
    ASSERT_TRUE(environment);
    const auto transaction = WriteTransaction::begin(**environment);
    ASSERT_TRUE((*transaction)->put(table, key, value));
    ASSERT_TRUE((*transaction)->commit());
  }
  void remove(Table table, std::string_view key) {
    harness_.close();
    const auto environment =
        Environment::open(partition(), harness_.settings.size, Access::read_write);
    ASSERT_TRUE(environment);
    const auto transaction = WriteTransaction::begin(**environment);
    ASSERT_TRUE((*transaction)->remove(table, key).value());
    ASSERT_TRUE((*transaction)->commit());
  }
  std::string value(Table table, std::string_view key) {
    harness_.close();
    const auto environment =
        Environment::open(partition(), harness_.settings.size, Access::read_only);
    const auto transaction = ReadTransaction::begin(**environment);
    return std::string((*transaction)->find(table, key)->value());
  }
  VerificationReport verify() {
    harness_.close();
    auto report = verify_spool(harness_.settings.directory);
    EXPECT_TRUE(report) << report.error().sentence();
    return *report;
  }
  std::string partition() const { return harness_.settings.directory + "/00"; }

  TemporaryDirectory directory_;
  SpoolHarness harness_{small_spool(directory_)};
};

TEST_F(DamageTest, ADamagedBodyIsQuarantinedAndNeverReturned) {
  const auto body = pattern(8'000, 41);
  const auto key = harness_.accept_one({.body = body, .recipients = 2});
  const auto sound = harness_.accept_one({.body = "sound"});
  damage(std::string_view(body).substr(1000, 100));
  ASSERT_TRUE(harness_.open());
  EXPECT_EQ(harness_.read(key).error().code(), ErrorCode::corrupt);
  EXPECT_EQ(harness_.wait_for_quarantine(), key);
  EXPECT_EQ(harness_.read(key).error().code(), ErrorCode::not_found);
  EXPECT_EQ(harness_.spool().accounting().quarantined, 2U);
  EXPECT_EQ(harness_.spool().accounting().queued, 1U);
  EXPECT_EQ(harness_.read_body(sound).value(), "sound");

  harness_.close();
  ASSERT_TRUE(harness_.open());
  EXPECT_EQ(harness_.recovered().size(), 1U);
  ASSERT_TRUE(harness_.record(delivered(sound)));
  ASSERT_TRUE(harness_.flush());
  // While the recovery is not over, an emptied pack is left to housekeeping.
  ASSERT_TRUE(SpoolHarness::eventually(
      [this] { return harness_.metric("sluice_spool_packs_removed_total") == 1; }));
  const auto report = verify();
  EXPECT_TRUE(report.is_clean());
  EXPECT_EQ(report.partitions.at(0).quarantined, 1U);
  EXPECT_EQ(report.partitions.at(0).packs, 1U);  // the evidence
}

TEST_F(DamageTest, DamagedMetadataAreFoundWithoutReadingTheBody) {
  const std::string metadata(300, 'm');
  const auto key = harness_.accept_one({.body = "x", .metadata = metadata});
  damage(metadata);
  ASSERT_TRUE(harness_.open());
  EXPECT_EQ(harness_.read(key, ReadBody::no).error().code(), ErrorCode::corrupt);
  EXPECT_EQ(harness_.wait_for_quarantine(), key);
}

TEST_F(DamageTest, ADamagedPartIsFound) {
  const auto body = pattern(3'000'000, 42);
  const auto key = harness_.accept_one({.body = body});
  damage(std::string_view(body).substr(1'500'000, 100));
  ASSERT_TRUE(harness_.open());
  EXPECT_TRUE(harness_.read(key));
  EXPECT_EQ(harness_.read_body(key).error().code(), ErrorCode::corrupt);
  EXPECT_EQ(harness_.wait_for_quarantine(), key);
}

TEST_F(DamageTest, ADamagedRecordIsQuarantinedAtTheStart) {
  const auto key = harness_.accept_one({.body = "x", .recipients = 3});
  const auto encoded_key = encode_key(key);
  harness_.close();
  auto record = value(Table::envelopes, encoded_key.view());
  record[20] = static_cast<char>(record[20] ^ 1);
  change(Table::envelopes, encoded_key.view(), record);
  EXPECT_FALSE(verify().is_clean());
  ASSERT_TRUE(harness_.open());
  EXPECT_EQ(harness_.wait_for_quarantine(), key);
  EXPECT_EQ(harness_.spool().accounting().quarantined, 3U);
  EXPECT_EQ(harness_.spool().accounting().queued, 0U);
  EXPECT_TRUE(verify().is_clean());
}

TEST_F(DamageTest, VerificationPassesASoundSpool) {
  harness_.accept_one({.body = pattern(3'000'000, 43), .envelopes = {"a", "b"}});
  const auto key = harness_.accept_one({.body = "x", .recipients = 9});
  ASSERT_TRUE(harness_.record(deferred(key, 1, "451")));
  ASSERT_TRUE(harness_.flush());
  const auto report = verify();
  EXPECT_THAT(report.findings, testing::IsEmpty());
  const auto& partition = report.partitions.at(0);
  EXPECT_EQ(partition.envelopes, 3U);
  EXPECT_EQ(partition.recipients_pending, 11U);
  EXPECT_EQ(partition.parts, 3U);
  EXPECT_EQ(partition.deferrals, 1U);
  EXPECT_EQ(partition.queues, 1U);
  EXPECT_EQ(partition.accounting.received, 11U);
}

TEST_F(DamageTest, VerificationFindsADamagedBody) {
  const auto body = pattern(5'000, 44);
  harness_.accept_one({.body = body});
  damage(std::string_view(body).substr(2000, 64));
  EXPECT_THAT(verify().findings, Contains(HasSubstr("message body fails its checksum")));
}

TEST_F(DamageTest, VerificationFindsADamagedPart) {
  const auto body = pattern(2'000'000, 45);
  harness_.accept_one({.body = body});
  damage(std::string_view(body).substr(100, 64));
  EXPECT_THAT(verify().findings, Contains(HasSubstr("part of a body fails its checksum")));
}

TEST_F(DamageTest, VerificationFindsAMissingPart) {
  const auto key = harness_.accept_one({.body = pattern(2'000'000, 46)});
  const auto part = encode_part_key({key.message, 1});
  remove(Table::parts, part.view());
  EXPECT_THAT(verify().findings, Contains(HasSubstr("part 1 of its body is missing")));
}

TEST_F(DamageTest, VerificationFindsAMissingPack) {
  harness_.accept_one({.body = "x"});
  const auto pack = encode_pack_key(1);
  remove(Table::packs, pack.view());
  EXPECT_THAT(verify().findings, Contains(HasSubstr("names a pack that does not exist")));
}

TEST_F(DamageTest, VerificationFindsAQueueWithoutName) {
  harness_.accept_one({.body = "x", .queue = "q"});
  const auto queue = encode_queue_key(harness_.spool().hold_queue("q").number());
  remove(Table::queues, queue.view());
  EXPECT_THAT(verify().findings, Contains(HasSubstr("has no name")));
}

TEST_F(DamageTest, VerificationFindsALostRecord) {
  const auto key = harness_.accept_one({.body = "x"});
  ASSERT_TRUE(harness_.record(deferred(key, 1, "451")));
  ASSERT_TRUE(harness_.flush());
  const auto encoded_key = encode_key(key);
  remove(Table::envelopes, encoded_key.view());
  const auto report = verify();
  EXPECT_THAT(report.findings, Contains(HasSubstr("past attempts without an envelope")));
  EXPECT_THAT(report.findings, Contains(HasSubstr("has 1 recipients queued, the records have 0")));
  EXPECT_EQ(report.partitions.at(0).reclaimable_packs, 1U);
}

TEST_F(DamageTest, VerificationFindsADamagedRecord) {
  const auto key = encode_key(harness_.accept_one({.body = "x"}));
  auto record = value(Table::envelopes, key.view());
  record[30] = static_cast<char>(record[30] ^ 1);
  change(Table::envelopes, key.view(), record);
  EXPECT_THAT(verify().findings, Contains(HasSubstr("envelope record fails its check")));
}

TEST_F(DamageTest, VerificationFindsARecordThatPointsToAnotherMessage) {
  const auto first = encode_key(harness_.accept_one({.body = "one"}));
  const auto second = encode_key(harness_.accept_one({.body = "two"}));
  auto record = decode_record(value(Table::envelopes, first.view()));
  ASSERT_TRUE(record);
  record->location = decode_record(value(Table::envelopes, second.view()))->location;
  change(Table::envelopes, first.view(), encode_record(*record).view());
  EXPECT_THAT(verify().findings, Contains(HasSubstr("points to the entry of another message")));
}

TEST_F(DamageTest, VerificationFindsARecordThatPointsPastItsPack) {
  const auto key = encode_key(harness_.accept_one({.body = "one"}));
  auto record = decode_record(value(Table::envelopes, key.view()));
  ASSERT_TRUE(record);
  record->location.offset = UINT32_MAX;
  change(Table::envelopes, key.view(), encode_record(*record).view());
  EXPECT_THAT(verify().findings, Contains(HasSubstr("points past its pack")));
}

TEST_F(DamageTest, VerificationFindsAMessageOfAnotherPartition) {
  const auto key = encode_key(harness_.accept_one({.body = "x"}));
  const auto record = value(Table::envelopes, key.view());
  auto foreign = std::string(key.view());
  foreign[6] = 5;  // behind six bytes of time
  change(Table::envelopes, foreign, record);
  EXPECT_THAT(verify().findings, Contains(HasSubstr("its id belongs to partition 05")));
}

TEST_F(DamageTest, VerificationFindsADamagedPackHeader) {
  harness_.accept_one({.body = "x"});
  const auto pack = encode_pack_key(1);
  auto bytes = value(Table::packs, pack.view());
  bytes[5] = static_cast<char>(bytes[5] ^ 1);
  change(Table::packs, pack.view(), bytes);
  EXPECT_THAT(verify().findings, Contains(HasSubstr("pack 1: pack header fails its check")));
}

TEST_F(DamageTest, VerificationFindsDamagedMetadata) {
  const std::string metadata(300, 'm');
  harness_.accept_one({.body = "x", .metadata = metadata});
  damage(metadata);
  EXPECT_THAT(verify().findings, Contains(HasSubstr("message metadata fail their checksum")));
}

TEST_F(DamageTest, VerificationFindsDamagedPastAttempts) {
  const auto key = harness_.accept_one({.body = "x"});
  ASSERT_TRUE(harness_.record(deferred(key, 1, "451 " + std::string(100, 'r'))));
  ASSERT_TRUE(harness_.flush());
  damage(std::string(100, 'r'));
  EXPECT_THAT(verify().findings, Contains(HasSubstr("deferral fails its check")));
}

TEST_F(DamageTest, VerificationFindsMissingPastAttempts) {
  const auto key = harness_.accept_one({.body = "x"});
  ASSERT_TRUE(harness_.record(deferred(key, 1, "451")));
  ASSERT_TRUE(harness_.flush());
  const auto encoded_key = encode_key(key);
  remove(Table::deferrals, encoded_key.view());
  EXPECT_THAT(verify().findings, Contains(HasSubstr("its past attempts disagree")));
}

TEST_F(DamageTest, VerificationFindsKeysOfAWrongLength) {
  change(Table::envelopes, "short", "x");
  change(Table::parts, "short", "x");
  change(Table::packs, "short", "x");
  const auto findings = verify().findings;
  EXPECT_THAT(findings, Contains(HasSubstr("envelope key of wrong length")));
  EXPECT_THAT(findings, Contains(HasSubstr("part key of wrong length")));
  EXPECT_THAT(findings, Contains(HasSubstr("pack key of wrong length")));
}

TEST_F(DamageTest, VerificationFindsDamagedBooks) {
  harness_.accept_one({.body = "x"});
  auto books = value(Table::meta, "accounting");
  books[10] = static_cast<char>(books[10] ^ 1);
  change(Table::meta, "accounting", books);
  EXPECT_THAT(verify().findings, Contains(HasSubstr("accounting totals fail their check")));
}

TEST_F(DamageTest, VerificationFindsBooksThatDoNotBalance) {
  harness_.accept_one({.body = "x"});
  change(Table::meta, "accounting", encode_accounting({.received = 2, .queued = 1}));
  EXPECT_THAT(verify().findings, Contains(HasSubstr("the accounting does not hold")));
}

TEST_F(DamageTest, VerificationCountsTheCountersOfTheLedger) {
  const LedgerEntry lasting{.name = "quota", .amount = 7};
  const LedgerEntry expired{.name = "old", .amount = 7, .expiry = WallTime(1000)};
  change(Table::ledger, lasting.name, encode_ledger_value(lasting));
  change(Table::ledger, expired.name, encode_ledger_value(expired));
  const auto report = verify();
  EXPECT_TRUE(report.is_clean());
  EXPECT_EQ(report.partitions.at(0).counters, 2U);
  EXPECT_EQ(report.partitions.at(0).expired_counters, 1U);
}

TEST_F(DamageTest, VerificationFindsADamagedCounterInEachOfItsBytes) {
  const auto sound = encode_ledger_value({.name = "quota", .amount = 7});
  for (std::size_t at = 0; at < sound.size(); ++at) {
    auto value = sound;
    value[at] = static_cast<char>(value[at] ^ 1);
    change(Table::ledger, "quota", value);
    EXPECT_THAT(verify().findings,
                Contains(HasSubstr("counter \"quota\": a counter of the ledger")))
        << at;
  }
}

TEST_F(DamageTest, VerificationFindsACounterOfAWrongLength) {
  const auto sound = encode_ledger_value({.name = "quota", .amount = 7});
  for (const auto& value : {std::string("x"), sound.substr(1), sound + "x"}) {
    change(Table::ledger, "quota", value);
    EXPECT_EQ(verify().damages, 1U) << value.size();
  }
}

TEST_F(DamageTest, VerificationFindsACounterUnderAnotherName) {
  change(Table::ledger, "b\x1b", encode_ledger_value({.name = "a", .amount = 7}));
  EXPECT_THAT(verify().findings, Contains(HasSubstr("counter \"b\\x1b\"")));
}

TEST_F(DamageTest, VerificationFindsACounterWhoseNameIsTooLong) {
  const std::string longest(kLedgerNameBytesMax, 'n');
  const auto value = encode_ledger_value({.name = longest, .amount = 7});
  change(Table::ledger, longest, value);
  EXPECT_TRUE(verify().is_clean());
  change(Table::ledger, longest + "n", value);
  EXPECT_EQ(verify().damages, 1U);
}

TEST_F(DamageTest, VerificationRefusesASpoolInUse) {
  const auto report = verify_spool(harness_.settings.directory);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().sentence(), HasSubstr("in use by process"));
}

TEST_F(DamageTest, VerificationSaysThatThereIsNoSpool) {
  const auto report = verify_spool(directory_.path());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::not_found);
}

TEST_F(DamageTest, APackWithoutEnvelopesIsReclaimedAtTheNextStart) {
  harness_.accept_one({.body = "x"});
  harness_.close();
  const auto orphan = encode_pack_key(77);
  change(Table::packs, orphan.view(), std::string(5000, 'p'));
  const auto before = verify();
  EXPECT_TRUE(before.is_clean());
  EXPECT_EQ(before.partitions.at(0).reclaimable_packs, 1U);
  ASSERT_TRUE(harness_.open());
  ASSERT_TRUE(SpoolHarness::eventually(
      [this] { return harness_.metric("sluice_spool_packs_removed_total") == 1; }));
  EXPECT_EQ(verify().partitions.at(0).reclaimable_packs, 0U);
}

TEST_F(DamageTest, AQueueNameThatNothingUsesIsRemovedAfterTheNextStart) {
  const auto key = harness_.accept_one({.body = "x", .queue = "gone"});
  harness_.accept_one({.body = "x", .queue = "stays"});
  ASSERT_TRUE(harness_.record(delivered(key)));
  ASSERT_TRUE(harness_.flush());
  EXPECT_EQ(verify().partitions.at(0).unused_queues, 1U);
  harness_.settings.queue_idle = Duration::zero();
  ASSERT_TRUE(harness_.open());
  ASSERT_TRUE(SpoolHarness::eventually(
      [this] { return harness_.metric("sluice_spool_queue_names_removed_total") == 1; }));
  const auto report = verify();
  EXPECT_EQ(report.partitions.at(0).queues, 1U);
  EXPECT_TRUE(report.is_clean());
}

}  // namespace
}  // namespace sluice::spool
