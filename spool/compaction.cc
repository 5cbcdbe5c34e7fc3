#include "spool/compaction.h"

#include <iterator>

#include "core/assert.h"
#include "spool/entry_lookup.h"

namespace sluice::spool {

namespace {

// What one pack gives.
struct PackSurvivors {
  std::vector<Survivor> survivors;
  std::vector<QuarantinedEnvelope> damaged;
  std::size_t bytes = 0;
};

// The keys of the message's envelopes that still point to this place.
Result<std::vector<EnvelopeKey>> keys_at(Cursor& envelopes, const MessageId& message,
                                         const EntryLocation& location) {
  std::vector<EnvelopeKey> keys;
  const auto prefix = message_prefix(message);
  SLUICE_TRY(row, envelopes.seek(prefix));
  while (row && row->key.starts_with(prefix)) {
    const auto key = decode_key(row->key);
    const auto record = decode_record(row->value);
    if (key && record && record->location == location) keys.push_back(*key);
    SLUICE_TRY(next, envelopes.next());
    row = next;
  }
  return keys;
}

// corrupt when the pack cannot be walked: it then stays as it is, and reads tell what is damaged.
Result<PackSurvivors> survivors_of(std::string_view pack, std::uint64_t id, Cursor& envelopes) {
  SLUICE_TRY(header, parse_pack_header(pack));
  PackSurvivors found;
  std::size_t offset = kPackHeaderBytes;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    SLUICE_TRY(entry, Entry::parse(pack.substr(offset)));
    const EntryLocation location{.pack = id,
                                 .offset = static_cast<std::uint32_t>(offset),
                                 .bytes = static_cast<std::uint32_t>(entry.size())};
    const auto bytes = pack.substr(offset, entry.size());
    offset += entry.size();
    SLUICE_TRY(keys, keys_at(envelopes, entry.message(), location));
    if (keys.empty()) continue;
    if (auto sound = entry.check_body(); !sound) {
      for (const auto& key : keys)
        found.damaged.push_back({.key = key, .reason = sound.error().sentence()});
      continue;
    }
    found.bytes += bytes.size();
    // A copy is made only while the pack can still turn out to be worth it.
    if (found.bytes * 4 >= pack.size()) continue;
    found.survivors.push_back({.location = location,
                               .message = entry.message(),
                               .envelopes = entry.envelopes(),
                               .bytes = std::string(bytes)});
  }
  return found;
}

}  // namespace

Result<CopiedPacks> copy_survivors(const Environment& environment,
                                   std::deque<std::uint64_t>& waiting) {
  SLUICE_ASSERT(!waiting.empty(), "called when packs wait");
  SLUICE_TRY(transaction, ReadTransaction::begin(environment));
  SLUICE_TRY(envelopes, Cursor::open(*transaction, Table::envelopes));
  CopiedPacks copied;
  std::size_t bytes = 0;
  while (!waiting.empty() && bytes + kPackBytesMax / 4 <= kCompactionBytesMax) {
    const auto pack = waiting.front();
    waiting.pop_front();
    const auto key = encode_pack_key(pack);
    SLUICE_TRY(value, transaction->find(Table::packs, key.view()));
    auto found = value ? survivors_of(*value, pack, *envelopes)
                       : fail(ErrorCode::not_found, "the pack has gone");
    if (found) std::ranges::move(found->damaged, std::back_inserter(copied.damaged));
    if (!found || found->bytes * 4 >= value->size()) {
      copied.packs.declined.push_back(pack);
      continue;
    }
    bytes += found->bytes;
    std::ranges::move(found->survivors, std::back_inserter(copied.packs.survivors));
    copied.packs.sources.push_back(pack);
  }
  return copied;
}

}  // namespace sluice::spool
