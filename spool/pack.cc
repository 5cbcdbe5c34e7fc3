#include "spool/pack.h"

#include <algorithm>

#include "core/assert.h"
#include "spool/little_endian.h"
#include "spool/record.h"

namespace sluice::spool {

namespace {

constexpr std::uint32_t kEntryMagic = 0x4e45'4c53;  // "SLEN"
constexpr std::uint32_t kPackMagic = 0x4b50'4c53;   // "SLPK"
constexpr std::uint32_t kPartMagic = 0x5450'4c53;   // "SLPT"
constexpr std::size_t kHashBytes = 8;

char* copy_body(char* at, const ByteChain& body) {
  FieldWriter writer(at);
  for (std::size_t i = 0; i < body.piece_count(); ++i) writer.put_bytes(body.piece(i));
  return writer.at();
}

MessageId take_id(FieldReader& reader) {
  std::array<std::uint8_t, kMessageIdBytes> id{};
  const auto bytes = reader.take_bytes(kMessageIdBytes);
  std::ranges::copy(bytes, reinterpret_cast<char*>(id.data()));
  return MessageId::from_bytes(id);
}

}  // namespace

std::size_t entry_head_bytes(const EntryContents& contents) {
  std::size_t bytes = kEntryHeaderBytes + contents.metadata.size();
  for (const auto& envelope : contents.envelopes)
    bytes += sizeof(std::uint32_t) + envelope.metadata.size();
  return bytes;
}

std::size_t entry_bytes(const EntryContents& contents) {
  return entry_head_bytes(contents) + (contents.body != nullptr ? contents.body->size() : 0);
}

char* write_entry(char* at, const EntryContents& contents) {
  SLUICE_ASSERT(contents.envelopes.size() <= kEnvelopesPerMessageMax,
                "accept() bounds the envelopes");
  SLUICE_ASSERT(contents.body == nullptr || contents.body_parts == 0, "a body lies in one place");

  const auto inline_bytes = contents.body != nullptr ? contents.body->size() : 0;
  const auto head_bytes = entry_head_bytes(contents);
  char* const body_at = at + head_bytes;
  char* const end = contents.body != nullptr ? copy_body(body_at, *contents.body) : body_at;

  FieldWriter writer(at + kHashBytes);
  writer.put(kEntryMagic);
  writer.put(static_cast<std::uint32_t>(head_bytes + inline_bytes));
  writer.put(static_cast<std::uint32_t>(head_bytes));
  writer.put(static_cast<std::uint16_t>(contents.envelopes.size()));
  writer.put(contents.body_parts);
  writer.put_bytes(message_prefix(contents.message));
  writer.put(static_cast<std::uint32_t>(contents.metadata.size()));
  writer.put(static_cast<std::uint32_t>(inline_bytes));
  writer.put(contents.body_bytes);
  writer.put(checksum({body_at, inline_bytes}));
  SLUICE_ASSERT(writer.at() == at + kEntryHeaderBytes, "the header is as long as it says");
  for (const auto& envelope : contents.envelopes) {
    writer.put(static_cast<std::uint32_t>(envelope.metadata.size()));
  }
  writer.put_bytes(contents.metadata);
  for (const auto& envelope : contents.envelopes) writer.put_bytes(envelope.metadata);
  SLUICE_ASSERT(writer.at() == body_at, "the head is as long as it was measured");

  FieldWriter hash(at);
  hash.put(checksum({at + kHashBytes, head_bytes - kHashBytes}));
  return end;
}

Result<Entry> Entry::parse(std::string_view bytes) {
  FieldReader reader(bytes);
  const auto head_hash = reader.take<std::uint64_t>();
  const auto magic = reader.take<std::uint32_t>();
  const std::size_t size = reader.take<std::uint32_t>();
  const std::size_t head_bytes = reader.take<std::uint32_t>();
  if (!reader.is_good() || magic != kEntryMagic)
    return fail(ErrorCode::corrupt, "no entry where one should be");
  if (size > bytes.size() || head_bytes > size || head_bytes < kEntryHeaderBytes) {
    return fail(ErrorCode::corrupt, "entry longer than its pack");
  }
  if (head_hash != checksum(bytes.substr(kHashBytes, head_bytes - kHashBytes))) {
    return fail(ErrorCode::corrupt, "message metadata fail their checksum");
  }

  const auto envelopes = reader.take<std::uint16_t>();
  const auto body_parts = reader.take<std::uint16_t>();
  Entry entry(take_id(reader));
  entry.envelopes_ = envelopes;
  entry.body_parts_ = body_parts;
  entry.size_ = size;
  const std::size_t metadata_bytes = reader.take<std::uint32_t>();
  const std::size_t inline_bytes = reader.take<std::uint32_t>();
  entry.body_bytes_ = reader.take<std::uint64_t>();
  entry.body_hash_ = reader.take<std::uint64_t>();

  // The hash speaks for the writer, yet a writer can be wrong too: every length is checked.
  FieldReader head(bytes.substr(kEntryHeaderBytes, head_bytes - kEntryHeaderBytes));
  entry.lengths_ = head.take_bytes(std::size_t{envelopes} * sizeof(std::uint32_t));
  entry.metadata_ = head.take_bytes(metadata_bytes);
  entry.envelopes_metadata_ = head.rest();
  std::size_t lengths = 0;
  for (std::size_t i = 0; head.is_good() && i < envelopes; ++i) lengths += entry.metadata_length(i);
  if (!head.is_good() || lengths != entry.envelopes_metadata_.size() ||
      inline_bytes != size - head_bytes) {
    return fail(ErrorCode::corrupt, "entry whose lengths disagree");
  }
  if (envelopes > kEnvelopesPerMessageMax || (body_parts > 0 && inline_bytes > 0)) {
    return fail(ErrorCode::corrupt, "entry that nobody would have written");
  }
  entry.body_ = bytes.substr(head_bytes, inline_bytes);
  return entry;
}

std::uint32_t Entry::metadata_length(std::size_t ordinal) const {
  FieldReader reader(lengths_.substr(ordinal * sizeof(std::uint32_t)));
  return reader.take<std::uint32_t>();
}

std::string_view Entry::envelope_metadata(std::uint16_t ordinal) const {
  SLUICE_ASSERT(ordinal < envelopes_, "the caller compares with envelopes()");
  std::size_t offset = 0;
  for (std::size_t i = 0; i < ordinal; ++i) offset += metadata_length(i);
  return envelopes_metadata_.substr(offset, metadata_length(ordinal));
}

Result<void> Entry::check_body() const {
  if (checksum(body_) != body_hash_)
    return fail(ErrorCode::corrupt, "message body fails its checksum");
  return {};
}

char* write_pack_header(char* at, std::uint32_t entries, std::size_t bytes) {
  FieldWriter writer(at);
  writer.put(kPackMagic);
  writer.put(entries);
  writer.put(static_cast<std::uint32_t>(bytes));
  writer.put(static_cast<std::uint32_t>(checksum({at, 12})));
  SLUICE_ASSERT(writer.at() == at + kPackHeaderBytes, "the header is as long as it says");
  return writer.at();
}

Result<PackHeader> parse_pack_header(std::string_view pack) {
  FieldReader reader(pack);
  const auto magic = reader.take<std::uint32_t>();
  const PackHeader header{.entries = reader.take<std::uint32_t>(),
                          .bytes = reader.take<std::uint32_t>()};
  const auto check = reader.take<std::uint32_t>();
  if (!reader.is_good() || magic != kPackMagic) return fail(ErrorCode::corrupt, "not a pack");
  if (check != static_cast<std::uint32_t>(checksum(pack.substr(0, 12))) ||
      header.bytes != pack.size()) {
    return fail(ErrorCode::corrupt, "pack header fails its check");
  }
  return header;
}

std::vector<PackPlan> plan_packs(std::span<const std::size_t> entry_sizes) {
  std::vector<PackPlan> plans;
  for (std::size_t i = 0; i < entry_sizes.size(); ++i) {
    if (plans.empty() || plans.back().bytes + entry_sizes[i] > kPackBytesMax) {
      plans.push_back({.first = i, .count = 0, .bytes = kPackHeaderBytes});
    }
    ++plans.back().count;
    plans.back().bytes += entry_sizes[i];
  }
  return plans;
}

std::size_t part_bytes(const ByteChain& body) { return kPartHeaderBytes + body.size(); }

void write_part(char* at, const MessageId& message, std::uint32_t part, const ByteChain& body) {
  copy_body(at + kPartHeaderBytes, body);
  FieldWriter writer(at + kHashBytes);
  writer.put(kPartMagic);
  writer.put(part);
  writer.put_bytes(message_prefix(message));
  writer.put(static_cast<std::uint64_t>(body.size()));
  writer.put(std::uint64_t{0});
  SLUICE_ASSERT(writer.at() == at + kPartHeaderBytes, "the header is as long as it says");
  FieldWriter hash(at);
  hash.put(checksum({at + kHashBytes, part_bytes(body) - kHashBytes}));
}

Result<std::string_view> parse_part(std::string_view value, const MessageId& message,
                                    std::uint32_t part) {
  FieldReader reader(value);
  const auto hash = reader.take<std::uint64_t>();
  const auto checked = reader.rest();
  const bool has_magic = reader.take<std::uint32_t>() == kPartMagic;
  const bool is_that_part = reader.take<std::uint32_t>() == part;
  const bool is_that_message = take_id(reader) == message;
  const auto size = reader.take<std::uint64_t>();
  reader.take<std::uint64_t>();
  if (!reader.is_good() || !has_magic || size != reader.rest().size()) {
    return fail(ErrorCode::corrupt, "not a part of a body");
  }
  if (hash != checksum(checked))
    return fail(ErrorCode::corrupt, "part of a body fails its checksum");
  if (!is_that_part || !is_that_message) return fail(ErrorCode::corrupt, "part of another body");
  return reader.rest();
}

}  // namespace sluice::spool
