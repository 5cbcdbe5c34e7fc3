// Whatever lies on the spool's disk: nothing crashes a decoder, and what one takes is what its own
// encoding decodes to.
//
// The first byte says what the rest is. Each is tried as it is, and again with its checksum made
// right, or nothing would ever get past that.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/assert.h"
#include "spool/little_endian.h"
#include "spool/pack.h"
#include "spool/queue_names.h"
#include "spool/record.h"

namespace sluice::spool {
namespace {

// With the check of records in front: the hash of the rest, folded.
std::string sealed(std::string_view bytes) {
  const auto hash = checksum(bytes);
  std::string value(4, '\0');
  FieldWriter(value.data()).put(static_cast<std::uint32_t>(hash ^ (hash >> 32)));
  return value.append(bytes);
}

// With the hash of entries and parts in front.
std::string hashed(std::string_view bytes) {
  std::string value(8, '\0');
  FieldWriter(value.data()).put(checksum(bytes));
  return value.append(bytes);
}

void try_record(std::string_view bytes) {
  static_cast<void>(guess_pending(bytes));  // any number will do
  const auto record = decode_record(bytes);
  if (!record) return;
  const auto encoded = encode_record(*record);
  const auto again = decode_record(encoded.view());
  SLUICE_ASSERT(again.has_value(), "what was encoded can be decoded");
  SLUICE_ASSERT(*again == *record, "nothing is lost");
  SLUICE_ASSERT(record->pending() >= 1, "an envelope without recipients is no envelope");
}

void try_attempts(std::string_view bytes) {
  const auto notes = decode_attempts(bytes);
  if (!notes) return;
  SLUICE_ASSERT(notes->size() <= kAttemptsKept, "no more is kept");
  const auto encoded = encode_attempts(*notes);
  const auto again = decode_attempts(encoded);
  SLUICE_ASSERT(again.has_value(), "what was encoded can be decoded");
  SLUICE_ASSERT(encode_attempts(*again) == encoded, "nothing is lost");
}

void try_accounting(std::string_view bytes) {
  const auto accounting = decode_accounting(bytes);
  if (accounting) SLUICE_ASSERT(encode_accounting(*accounting) == bytes, "nothing is lost");
}

void try_keys(std::string_view bytes) {
  if (const auto key = decode_key(bytes))
    SLUICE_ASSERT(encode_key(*key).view() == bytes, "nothing is lost");
  if (const auto key = decode_part_key(bytes))
    SLUICE_ASSERT(encode_part_key(*key).view() == bytes, "nothing is lost");
  if (const auto key = decode_pack_key(bytes))
    SLUICE_ASSERT(encode_pack_key(*key).view() == bytes, "nothing is lost");
  if (const auto key = decode_queue_key(bytes))
    SLUICE_ASSERT(encode_queue_key(*key).view() == bytes, "nothing is lost");
}

// Writes an entry anew from what was parsed; it must be the same bytes.
void try_entry(std::string_view bytes) {
  const auto entry = Entry::parse(bytes);
  if (!entry) return;
  SLUICE_ASSERT(entry->size() <= bytes.size(), "an entry lies in the bytes it was parsed from");
  std::vector<NewEnvelope> envelopes;
  for (std::uint16_t i = 0; i < entry->envelopes(); ++i) {
    envelopes.push_back({.queue = {},
                         .metadata = std::string(entry->envelope_metadata(i)),
                         .recipients = 1,
                         .klass = 0,
                         .next_attempt = WallTime(0),
                         .expiry = WallTime(0)});
  }
  if (!entry->check_body()) return;
  MemoryBudget budget(mebibytes(64));
  ByteChain body(budget);
  SLUICE_ASSERT(body.append(entry->body()).has_value(), "the budget is larger than any input");
  const EntryContents contents{.message = entry->message(),
                               .metadata = entry->metadata(),
                               .envelopes = envelopes,
                               .body_bytes = entry->body_bytes(),
                               .body_parts = entry->body_parts(),
                               .body = entry->body().empty() ? nullptr : &body};
  std::string written(entry_bytes(contents), '\0');
  write_entry(written.data(), contents);
  SLUICE_ASSERT(written == bytes.substr(0, entry->size()), "nothing is lost");
}

// As compaction walks a pack.
void try_pack(std::string_view bytes) {
  const auto header = parse_pack_header(bytes);
  if (!header) return;
  std::string again(kPackHeaderBytes, '\0');
  write_pack_header(again.data(), header->entries, header->bytes);
  SLUICE_ASSERT(again == bytes.substr(0, kPackHeaderBytes), "nothing is lost");
  std::size_t offset = kPackHeaderBytes;
  for (std::uint32_t i = 0; i < header->entries; ++i) {
    const auto entry = Entry::parse(bytes.substr(offset));
    if (!entry) return;
    SLUICE_ASSERT(entry->size() >= kEntryHeaderBytes, "the walk goes on");
    offset += entry->size();
  }
}

void try_part(std::string_view bytes) {
  constexpr std::size_t kIdAt = 16;  // behind hash, magic and number
  if (bytes.size() < kIdAt + kMessageIdBytes) return;
  FieldReader reader(bytes.substr(12));
  const auto number = reader.take<std::uint32_t>();
  const auto key = decode_part_key(std::string(bytes.substr(kIdAt, kMessageIdBytes)) + "0000");
  const auto body = parse_part(bytes, key->message, number);
  if (!body) return;
  SLUICE_ASSERT(body->size() + kPartHeaderBytes == bytes.size(), "a part is its header and body");
  SLUICE_ASSERT(!parse_part(bytes, key->message, number + 1), "a part has one number");
}

// Rows of a table of names: a number and a length, then the name.
void try_names(std::string_view bytes) {
  QueueNames names;
  FieldReader reader(bytes);
  while (reader.is_good() && !reader.rest().empty()) {
    const auto number = reader.take<std::uint8_t>();
    const auto name = reader.take_bytes(reader.take<std::uint8_t>());
    if (!reader.is_good()) return;
    if (!names.load(number, name)) continue;
    SLUICE_ASSERT(names.name(number) == name, "a name that was taken is known");
    SLUICE_ASSERT(names.hold(name).number() == number, "and its number");
  }
}

// A pack header with its check made right for the bytes there are.
std::string with_pack_check(std::string_view bytes) {
  std::string value(bytes);
  if (value.size() < kPackHeaderBytes) return value;
  FieldReader reader(std::string_view(value).substr(4));
  const auto entries = reader.take<std::uint32_t>();
  write_pack_header(value.data(), entries, value.size());
  return value;
}

// An entry with the hashes that it should have; its length lies at 12, its head's behind.
std::string with_entry_hashes(std::string_view bytes) {
  std::string value(bytes);
  if (value.size() < kEntryHeaderBytes) return value;
  FieldReader reader(std::string_view(value).substr(12));
  const std::size_t size = reader.take<std::uint32_t>();
  const std::size_t head = reader.take<std::uint32_t>();
  if (head < kEntryHeaderBytes || size < head || size > value.size()) return value;
  const std::string_view entry(value.data(), size);
  FieldWriter(value.data() + kEntryHeaderBytes - 8).put(checksum(entry.substr(head)));
  FieldWriter(value.data()).put(checksum(entry.substr(8, head - 8)));
  return value;
}

void try_all(std::uint8_t kind, std::string_view bytes) {
  switch (kind) {
    case 'r':
      try_record(bytes);
      return try_record(sealed(bytes));
    case 'd':
      try_attempts(bytes);
      return try_attempts(sealed(bytes));
    case 'a':
      try_accounting(bytes);
      return try_accounting(sealed(bytes));
    case 'k':
      return try_keys(bytes);
    case 'e':
      try_entry(bytes);
      return try_entry(with_entry_hashes(bytes));
    case 'p':
      try_pack(bytes);
      return try_pack(with_pack_check(bytes));
    case 't':
      try_part(bytes);
      return try_part(hashed(bytes));
    case 'q':
      return try_names(bytes);
    default:
      return;
  }
}

}  // namespace
}  // namespace sluice::spool

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  sluice::spool::try_all(data[0], bytes.substr(1));
  return 0;
}
