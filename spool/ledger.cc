#include "spool/ledger.h"

#include <algorithm>

#include "core/assert.h"
#include "spool/little_endian.h"
#include "spool/record.h"

namespace sluice::spool {
namespace {

constexpr std::size_t kValueBytes = 8 + 6 + 8;

std::uint64_t check_of(std::string_view name, std::string_view fields) {
  return checksum(std::string(name).append(fields));
}

}  // namespace

std::string encode_ledger_value(const LedgerEntry& entry) {
  SLUICE_ASSERT(!entry.name.empty(), "a counter has a name");
  SLUICE_ASSERT(entry.name.size() <= kLedgerNameBytesMax, "names are bounded");
  std::string value(kValueBytes, '\0');
  FieldWriter writer(value.data());
  writer.put(entry.amount);
  const auto expiry =
      std::clamp<std::int64_t>(entry.expiry.milliseconds(), 0, kNeverExpires.milliseconds());
  writer.put_48(static_cast<std::uint64_t>(expiry));
  writer.put(check_of(entry.name, std::string_view(value).substr(0, kValueBytes - 8)));
  return value;
}

Result<LedgerEntry> decode_ledger_row(std::string_view name, std::string_view value) {
  FieldReader reader(value);
  LedgerEntry entry{.name = std::string(name), .amount = reader.take<std::uint64_t>()};
  entry.expiry = WallTime(static_cast<std::int64_t>(reader.take_48()));
  const auto check = reader.take<std::uint64_t>();
  const bool is_sound = reader.is_finished() && !name.empty() &&
                        name.size() <= kLedgerNameBytesMax &&
                        check == check_of(name, value.substr(0, kValueBytes - 8));
  if (!is_sound) return fail(ErrorCode::corrupt, "a counter of the ledger is damaged");
  return entry;
}

}  // namespace sluice::spool
