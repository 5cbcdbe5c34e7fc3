#include "spool/entry_lookup.h"

namespace sluice::spool {

Result<std::string_view> locate_entry(const Transaction& transaction,
                                      const EntryLocation& location) {
  const auto key = encode_pack_key(location.pack);
  SLUICE_TRY(pack, transaction.find(Table::packs, key.view()));
  if (!pack) return fail(ErrorCode::corrupt, "envelope record names a pack that does not exist");
  if (location.offset > pack->size() || location.bytes > pack->size() - location.offset) {
    return fail(ErrorCode::corrupt, "envelope record points past its pack");
  }
  return pack->substr(location.offset, location.bytes);
}

Result<Entry> parse_entry(std::string_view bytes, const EnvelopeKey& key,
                          const EnvelopeRecord& record) {
  SLUICE_TRY(entry, Entry::parse(bytes));
  const bool belongs = entry.message() == key.message && key.ordinal < entry.envelopes() &&
                       entry.size() == record.location.bytes &&
                       entry.envelopes() == record.envelopes &&
                       entry.body_parts() == record.body_parts;
  if (!belongs)
    return fail(ErrorCode::corrupt, "envelope record points to the entry of another message");
  return entry;
}

Result<Entry> find_entry(const Transaction& transaction, const EnvelopeKey& key,
                         const EnvelopeRecord& record) {
  SLUICE_TRY(bytes, locate_entry(transaction, record.location));
  return parse_entry(bytes, key, record);
}

}  // namespace sluice::spool
