// TenantUsage: what one tenant uses of the node: recipients accepted today, envelopes and bytes
// that wait. Atomics that every shard changes without a lock; exact, however many ask at once.
//
// What a transaction takes is given back when it fails. The recipients of a day that were accepted
// for good stand in the spool's ledger, written in the commit of their message, and are put in here
// at the start; the waiting envelopes are counted again by the recovery.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace sluice::relay {

// A calendar day in UTC, as the number of days since 1970.
using Day = std::uint32_t;
Day day_of(WallTime time);
WallTime start_of(Day day);
std::string date_of(Day day);  // "2026-11-26"

// The entry of the ledger that counts a tenant's recipients of a day.
std::string quota_entry(std::string_view tenant, Day day);
// What such an entry counts; nothing for an entry of another kind.
struct QuotaEntry {
  std::string tenant;
  Day day;
};
std::optional<QuotaEntry> parse_quota_entry(std::string_view name);

// A counter that begins anew each day. A clock that jumps back goes on with the day it had.
class alignas(64) DayCounter {
 public:
  // Adds `units` unless that would exceed `limit`.
  [[nodiscard]] bool try_take(Day today, std::uint64_t units, std::uint64_t limit);
  // Takes back what was taken on `day`; nothing when another day has begun.
  void give_back(Day day, std::uint64_t units);
  // What an earlier life of the process counted.
  void restore(Day day, std::uint64_t units);
  std::uint64_t used(Day today) const;
  // The day that is counted now: `today`, or a later one that the clock had shown before.
  Day day(Day today) const;

 private:
  // The day in the upper 24 bits, its units below; both change at once.
  std::atomic<std::uint64_t> packed_{0};
};

class alignas(64) QueuedCounter {
 public:
  // Takes both or neither.
  [[nodiscard]] bool try_take(std::uint64_t envelopes, std::uint64_t bytes,
                              std::uint64_t envelopes_max, std::uint64_t bytes_max);
  // What the recovery found, whatever the limits say now.
  void add(std::uint64_t envelopes, std::uint64_t bytes);
  void give_back(std::uint64_t envelopes, std::uint64_t bytes);

  bool is_full(std::uint64_t envelopes_max, std::uint64_t bytes_max) const {
    return envelopes() >= envelopes_max || bytes() >= bytes_max;
  }
  std::uint64_t envelopes() const { return envelopes_.load(); }
  std::uint64_t bytes() const { return bytes_.load(); }

 private:
  std::atomic<std::uint64_t> envelopes_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

struct TenantUsage {
  DayCounter accepted;
  QueuedCounter queued;
};

}  // namespace sluice::relay
