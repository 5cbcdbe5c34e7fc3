#include "spool/pack.h"

#include <gtest/gtest.h>

#include "core/random.h"
#include "spool/little_endian.h"
#include "spool/record.h"
#include "tests/unit/spool/spool_harness.h"

namespace sluice::spool {
namespace {

class PackTest : public testing::Test {
 protected:
  ByteChain chain(std::string_view bytes) {
    ByteChain chain(budget_);
    EXPECT_TRUE(chain.append(bytes));
    return chain;
  }
  static std::string entry_of(const EntryContents& contents) {
    std::string bytes(entry_bytes(contents), '\0');
    EXPECT_EQ(write_entry(bytes.data(), contents), bytes.data() + bytes.size());
    return bytes;
  }
  static std::vector<NewEnvelope> envelopes(const std::vector<std::string>& metadata) {
    std::vector<NewEnvelope> envelopes;
    for (const auto& text : metadata) {
      envelopes.push_back({{}, text, 1, 0, WallTime(0), WallTime(0)});
    }
    return envelopes;
  }

  MemoryBudget budget_{mebibytes(64)};
  const MessageId id_ = MessageId::from_bytes({9, 8, 7});
};

TEST_F(PackTest, AnEntryIsWhatWasWritten) {
  const auto body = pattern(40'000, 1);  // several slabs
  const auto body_chain = chain(body);
  const auto two = envelopes({"first", "second"});
  const auto bytes = entry_of({id_, "metadata", two, body.size(), 0, &body_chain});
  const auto with_more = bytes + "what follows";
  const auto entry = Entry::parse(with_more);
  ASSERT_TRUE(entry) << entry.error().sentence();
  EXPECT_EQ(entry->message(), id_);
  EXPECT_EQ(entry->size(), bytes.size());
  EXPECT_EQ(entry->metadata(), "metadata");
  ASSERT_EQ(entry->envelopes(), 2);
  EXPECT_EQ(entry->envelope_metadata(0), "first");
  EXPECT_EQ(entry->envelope_metadata(1), "second");
  EXPECT_EQ(entry->body(), body);
  EXPECT_EQ(entry->body_bytes(), body.size());
  EXPECT_TRUE(entry->check_body());
}

TEST_F(PackTest, AnEntryWithoutBodyTellsOfItsParts) {
  const auto one = envelopes({"e"});
  const auto bytes = entry_of({id_, "m", one, 5'000'000, 5, nullptr});
  const auto entry = Entry::parse(bytes);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->body_parts(), 5);
  EXPECT_EQ(entry->body_bytes(), 5'000'000U);
  EXPECT_EQ(entry->body(), "");
}

TEST_F(PackTest, AnEntryNoticesEveryFlippedBit) {
  const auto body = chain("the body");
  const auto one = envelopes({"envelope"});
  auto bytes = entry_of({id_, "metadata", one, 8, 0, &body});
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto mask = static_cast<char>(1 << (bit % 8));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    const auto entry = Entry::parse(bytes);
    ASSERT_FALSE(entry && entry->check_body()) << "bit " << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
  }
}

TEST_F(PackTest, AnEntryNoticesEveryCut) {
  const auto body = chain("the body");
  const auto one = envelopes({"envelope"});
  const auto bytes = entry_of({id_, "metadata", one, 8, 0, &body});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(Entry::parse(std::string_view(bytes).substr(0, size))) << size;
  }
}

TEST_F(PackTest, AnEntryHasItsBodyInOnePlace) {
  const auto body_chain = chain("body");
  const auto one = envelopes({"e"});
  auto bytes = entry_of({id_, "m", one, 4, 0, &body_chain});
  bytes[22] = 1;  // as if it were in parts too, with the checksum that belongs to that
  FieldWriter(bytes.data()).put(checksum(std::string_view(bytes).substr(8, bytes.size() - 4 - 8)));
  const auto entry = Entry::parse(bytes);
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().sentence(), "entry that nobody would have written");
}

TEST_F(PackTest, AnEntryHasNoMoreEnvelopesThanAMessageMay) {
  const auto most = envelopes(std::vector<std::string>(kEnvelopesPerMessageMax));
  EXPECT_TRUE(Entry::parse(entry_of({id_, "m", most, 0, 0, nullptr})));
  // One more: its length goes where the metadata began.
  auto bytes = entry_of({id_, std::string(4, '\0'), most, 0, 0, nullptr});
  FieldWriter(bytes.data() + 20).put(static_cast<std::uint16_t>(kEnvelopesPerMessageMax + 1));
  FieldWriter(bytes.data() + 40).put(std::uint32_t{0});
  FieldWriter(bytes.data()).put(checksum(std::string_view(bytes).substr(8)));
  const auto entry = Entry::parse(bytes);
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().sentence(), "entry that nobody would have written");
}

TEST_F(PackTest, RandomBytesAreNoEntry) {
  for (std::uint64_t seed = 0; seed < 200; ++seed)
    EXPECT_FALSE(Entry::parse(pattern(500, seed))) << seed;
}

TEST_F(PackTest, APackHeaderIsWhatWasWritten) {
  std::string pack(100, '\0');
  write_pack_header(pack.data(), 3, pack.size());
  const auto header = parse_pack_header(pack);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->entries, 3U);
  EXPECT_FALSE(parse_pack_header(std::string_view(pack).substr(0, 99)));
  pack[5] = 1;
  EXPECT_FALSE(parse_pack_header(pack));
}

TEST_F(PackTest, PacksAreFilledUpToTheirBound) {
  const std::size_t half = (kPackBytesMax - kPackHeaderBytes) / 2;
  const std::vector<std::size_t> sizes = {half, half, 1, kPackBytesMax + 5, 10};
  const auto plans = plan_packs(sizes);
  ASSERT_EQ(plans.size(), 4U);
  EXPECT_EQ(plans[0].count, 2U);
  EXPECT_EQ(plans[0].bytes, kPackBytesMax);
  EXPECT_EQ(plans[1].count, 1U);
  EXPECT_EQ(plans[2].count, 1U);  // longer than a pack: alone
  EXPECT_EQ(plans[3].first, 4U);
  EXPECT_TRUE(plan_packs({}).empty());
}

TEST_F(PackTest, APartIsWhatWasWritten) {
  const auto body = pattern(100'000, 2);
  const auto body_chain = chain(body);
  std::string value(part_bytes(body_chain), '\0');
  write_part(value.data(), id_, 4, body_chain);
  EXPECT_EQ(parse_part(value, id_, 4).value(), body);
  EXPECT_FALSE(parse_part(value, id_, 5));
  EXPECT_FALSE(parse_part(value, MessageId::from_bytes({1}), 4));
  EXPECT_FALSE(parse_part(std::string_view(value).substr(1), id_, 4));
  value[60'000] = static_cast<char>(value[60'000] ^ 1);
  EXPECT_EQ(parse_part(value, id_, 4).error().code(), ErrorCode::corrupt);
}

}  // namespace
}  // namespace sluice::spool
