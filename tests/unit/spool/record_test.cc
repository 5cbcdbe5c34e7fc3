#include "spool/record.h"

#include <gtest/gtest.h>

#include "core/random.h"
#include "spool/little_endian.h"

namespace sluice::spool {
namespace {

EnvelopeRecord random_record(Random& random) {
  EnvelopeRecord record{
      .location = {.pack = random.next(),
                   .offset = static_cast<std::uint32_t>(random.next()),
                   .bytes = static_cast<std::uint32_t>(random.next())},
      .queue = static_cast<std::uint32_t>(random.next()),
      .next_attempt = WallTime(static_cast<std::int64_t>(random.below(1ULL << 48))),
      .expiry = WallTime(static_cast<std::int64_t>(random.below(1ULL << 48))),
      .attempts = static_cast<std::uint16_t>(random.next()),
      .recipients = static_cast<std::uint16_t>(1 + random.below(kRecipientsPerEnvelopeMax)),
      .envelopes = static_cast<std::uint16_t>(1 + random.below(kEnvelopesPerMessageMax)),
      .body_parts = static_cast<std::uint16_t>(random.next()),
      .klass = static_cast<std::uint8_t>(random.next()),
      .has_attempts_kept = random.below(2) == 1,
      .ended = {}};
  // At least one stays pending.
  for (std::size_t i = 1; i < record.recipients; ++i) record.ended[i] = random.below(2) == 1;
  return record;
}

TEST(EnvelopeRecord, IsWhatWasEncoded) {
  Random random(11);
  for (int i = 0; i < 2000; ++i) {
    const auto record = random_record(random);
    const auto decoded = decode_record(encode_record(record).view());
    ASSERT_TRUE(decoded) << decoded.error().sentence();
    ASSERT_EQ(*decoded, record);
  }
}

TEST(EnvelopeRecord, IsSmallForOneRecipient) {
  Random random(12);
  auto record = random_record(random);
  record.recipients = 1;
  record.ended.reset();
  EXPECT_EQ(encode_record(record).size, kEnvelopeRecordBytes);
  record.recipients = kRecipientsPerEnvelopeMax;
  EXPECT_EQ(encode_record(record).size, kEnvelopeRecordBytesMax);
}

TEST(EnvelopeRecord, NoticesEveryFlippedBit) {
  Random random(13);
  const auto encoded = encode_record(random_record(random));
  std::string bytes(encoded.view());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto mask = static_cast<char>(1 << (bit % 8));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    const auto decoded = decode_record(bytes);
    ASSERT_FALSE(decoded) << "bit " << bit;
    ASSERT_EQ(decoded.error().code(), ErrorCode::corrupt);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
  }
}

TEST(EnvelopeRecord, NoticesEveryCut) {
  Random random(14);
  const auto encoded = encode_record(random_record(random));
  for (std::size_t size = 0; size < encoded.size; ++size) {
    ASSERT_FALSE(decode_record(encoded.view().substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_record(std::string(encoded.view()) + "x"));
}

TEST(EnvelopeRecord, CutsTimesToWhatItCanHold) {
  Random random(15);
  auto record = random_record(random);
  record.next_attempt = WallTime(-5);
  record.expiry = WallTime(INT64_MAX);
  const auto decoded = decode_record(encode_record(record).view());
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->next_attempt, WallTime(0));
  EXPECT_EQ(decoded->expiry, WallTime((std::int64_t{1} << 48) - 1));
}

TEST(EnvelopeRecord, GuessesTheRecipientsOfADamagedOne) {
  Random random(16);
  auto record = random_record(random);
  record.recipients = 17;
  record.ended.reset();
  EXPECT_EQ(guess_pending(encode_record(record).view()), 17);
  EXPECT_EQ(guess_pending(""), 1);
  EXPECT_EQ(guess_pending(std::string(60, '\xff')), kRecipientsPerEnvelopeMax);
}

TEST(EnvelopeKey, KeepsTheOrderOfTime) {
  Random random(17);
  MessageIdSource source(0, 0, random);
  const auto earlier = source.next(WallTime(255));
  const auto later = source.next(WallTime(256));
  EXPECT_LT(encode_key({earlier, 999}).view(), encode_key({later, 0}).view());
  EXPECT_LT(encode_key({earlier, 255}).view(), encode_key({earlier, 256}).view());
  EXPECT_TRUE(encode_key({earlier, 256}).view().starts_with(message_prefix(earlier)));
  EXPECT_EQ(decode_key(encode_key({earlier, 513}).view()).value(), (EnvelopeKey{earlier, 513}));
  EXPECT_FALSE(decode_key("short"));
}

TEST(PartKey, IsWhatWasEncoded) {
  const auto id = MessageId::from_bytes({1, 2, 3});
  const auto key = decode_part_key(encode_part_key({id, 70'000}).view());
  ASSERT_TRUE(key);
  EXPECT_EQ(key->message, id);
  EXPECT_EQ(key->part, 70'000U);
}

TEST(Attempts, AreWhatWasEncoded) {
  const std::vector<AttemptNote> notes = {
      {.time = WallTime(5), .host = "mx1", .source = "", .reply = "451 4.7.1 later"},
      {.time = WallTime(1'700'000'000'000),
       .host = "mx2 [192.0.2.1]",
       .source = "192.0.2.9",
       .reply = ""}};
  const auto decoded = decode_attempts(encode_attempts(notes));
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->size(), 2U);
  EXPECT_EQ((*decoded)[0].host, "mx1");
  EXPECT_EQ((*decoded)[0].reply, "451 4.7.1 later");
  EXPECT_EQ((*decoded)[1].time, WallTime(1'700'000'000'000));
  EXPECT_EQ((*decoded)[1].source, "192.0.2.9");
}

TEST(Attempts, CutTextsAtTheirBounds) {
  const AttemptNote note{.time = WallTime(1),
                         .host = std::string(1000, 'h'),
                         .source = std::string(kNoteTextBytesMax, 's'),
                         .reply = std::string(kAttemptReplyBytesMax + 1, 'r')};
  const auto decoded = decode_attempts(encode_attempts(std::vector(kAttemptsKept, note)));
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->size(), kAttemptsKept);
  EXPECT_EQ(decoded->back().host.size(), kNoteTextBytesMax);
  EXPECT_EQ(decoded->back().source.size(), kNoteTextBytesMax);
  EXPECT_EQ(decoded->back().reply.size(), kAttemptReplyBytesMax);
}

TEST(Attempts, NoticeDamage) {
  auto bytes = encode_attempts(std::vector<AttemptNote>{{WallTime(1), "h", "s", "r"}});
  bytes[7] = static_cast<char>(bytes[7] ^ 1);
  EXPECT_EQ(decode_attempts(bytes).error().code(), ErrorCode::corrupt);
}

TEST(AccountingRecord, IsWhatWasEncoded) {
  const Accounting books{.received = 1ULL << 40, .generated = 2, .delivered = 3, .queued = 9};
  const auto decoded = decode_accounting(encode_accounting(books));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->received, 1ULL << 40);
  EXPECT_EQ(decoded->generated, 2U);
  EXPECT_EQ(decoded->delivered, 3U);
  EXPECT_EQ(decoded->queued, 9U);
}

TEST(AccountingRecord, IsBalancedOrNot) {
  EXPECT_TRUE(
      is_balanced({.received = 3, .generated = 1, .delivered = 2, .quarantined = 1, .queued = 1}));
  EXPECT_FALSE(is_balanced({.received = 3, .delivered = 2}));
}

TEST(FieldReader, YieldsZerosPastTheEndAndSaysSo) {
  FieldReader reader("\x01\x02");
  EXPECT_EQ(reader.take<std::uint32_t>(), 0U);
  EXPECT_FALSE(reader.is_good());
  EXPECT_EQ(reader.take_bytes(1), "");
}

}  // namespace
}  // namespace sluice::spool
