// The ledger: named counters that survive crashes, such as what a tenant was accepted today.
//
// What a message adds is committed with it: a counter has exactly what its messages gave it. Here
// is how a counter stands in its table; who names it is another's matter. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/error.h"

namespace sluice::spool {

inline constexpr std::size_t kLedgerNameBytesMax = 256;
inline constexpr std::size_t kLedgerEntriesPerMessageMax = 8;
inline constexpr WallTime kNeverExpires{(std::int64_t{1} << 48) - 1};

struct LedgerEntry {
  std::string name;                // 1 to kLedgerNameBytesMax bytes
  std::uint64_t amount = 0;        // what is added, or what the counter has
  WallTime expiry{kNeverExpires};  // from then on it is removed

  friend bool operator==(const LedgerEntry&, const LedgerEntry&) = default;
};

// A counter as its table keeps it under its name; the check covers the name.
std::string encode_ledger_value(const LedgerEntry& entry);
Result<LedgerEntry> decode_ledger_row(std::string_view name, std::string_view value);

}  // namespace sluice::spool
