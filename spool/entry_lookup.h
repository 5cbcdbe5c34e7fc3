// entry_lookup: from a record to the bytes it stands for. What it returns points into the map, for
// as long as the transaction lives; every bound and the head's checksum were looked at, the body's
// not.
#pragma once

#include "core/error.h"
#include "spool/pack.h"
#include "spool/record.h"
#include "spool/transaction.h"

namespace sluice::spool {

// Where the entry lies in the map; touches no page of it. corrupt: there is no such place.
Result<std::string_view> locate_entry(const Transaction& transaction,
                                      const EntryLocation& location);

// The entry in those bytes; corrupt unless it is the one that belongs to key and record.
Result<Entry> parse_entry(std::string_view bytes, const EnvelopeKey& key,
                          const EnvelopeRecord& record);

// Both.
Result<Entry> find_entry(const Transaction& transaction, const EnvelopeKey& key,
                         const EnvelopeRecord& record);

}  // namespace sluice::spool
