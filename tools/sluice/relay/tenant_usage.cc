#include "relay/tenant_usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "core/assert.h"

namespace sluice::relay {
namespace {

constexpr std::string_view kQuotaPrefix = "quota:";
constexpr unsigned kUnitBits = 40;
constexpr std::uint64_t kUnitsMax = (std::uint64_t{1} << kUnitBits) - 1;
constexpr std::int64_t kDayMilliseconds = 24LL * 3600 * 1000;

constexpr std::uint64_t pack(Day day, std::uint64_t units) {
  return std::uint64_t{day} << kUnitBits | units;
}
constexpr Day day_in(std::uint64_t packed) { return static_cast<Day>(packed >> kUnitBits); }
constexpr std::uint64_t units_in(std::uint64_t packed) { return packed & kUnitsMax; }

// 0 where there is none.
int number_in(std::string_view digits) {
  int number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

unsigned unsigned_in(std::string_view digits) {
  return static_cast<unsigned>(std::max(0, number_in(digits)));
}

}  // namespace

Day day_of(WallTime time) {
  return static_cast<Day>(std::max<std::int64_t>(0, time.milliseconds() / kDayMilliseconds));
}

WallTime start_of(Day day) { return WallTime(std::int64_t{day} * kDayMilliseconds); }

std::string date_of(Day day) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string quota_entry(std::string_view tenant, Day day) {
  return fmt::format("{}{}:{}", kQuotaPrefix, tenant, date_of(day));
}

std::optional<QuotaEntry> parse_quota_entry(std::string_view name) {
  constexpr std::size_t kDateBytes = 10;
  if (!name.starts_with(kQuotaPrefix)) return std::nullopt;
  name.remove_prefix(kQuotaPrefix.size());
  if (name.size() < kDateBytes + 2) return std::nullopt;
  const std::string_view date = name.substr(name.size() - kDateBytes);
  const std::string_view tenant = name.substr(0, name.size() - kDateBytes - 1);
  const std::chrono::year_month_day parsed{std::chrono::year(number_in(date.substr(0, 4))),
                                           std::chrono::month(unsigned_in(date.substr(5, 2))),
                                           std::chrono::day(unsigned_in(date.substr(8, 2)))};
  if (!parsed.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(parsed).time_since_epoch().count();
  QuotaEntry entry{.tenant = std::string(tenant), .day = static_cast<Day>(days)};
  if (quota_entry(tenant, entry.day).substr(kQuotaPrefix.size()) != name) return std::nullopt;
  return entry;
}

bool DayCounter::try_take(Day today, std::uint64_t units, std::uint64_t limit) {
  std::uint64_t packed = packed_.load();
  while (true) {
    const bool is_new_day = today > day_in(packed);
    const std::uint64_t used = is_new_day ? 0 : units_in(packed);
    const std::uint64_t most = std::min(limit, kUnitsMax);
    if (units > most || used > most - units) return false;
    const std::uint64_t after = pack(is_new_day ? today : day_in(packed), used + units);
    if (packed_.compare_exchange_weak(packed, after)) return true;
  }
}

void DayCounter::give_back(Day day, std::uint64_t units) {
  std::uint64_t packed = packed_.load();
  while (day_in(packed) == day) {
    SLUICE_ASSERT(units_in(packed) >= units, "only what was taken is given back");
    if (packed_.compare_exchange_weak(packed, packed - units)) return;
  }
}

void DayCounter::restore(Day day, std::uint64_t units) {
  std::uint64_t packed = packed_.load();
  while (true) {
    if (day < day_in(packed)) return;
    const std::uint64_t before = day == day_in(packed) ? units_in(packed) : 0;
    const std::uint64_t after = pack(day, std::min(before + units, kUnitsMax));
    if (packed_.compare_exchange_weak(packed, after)) return;
  }
}

std::uint64_t DayCounter::used(Day today) const {
  const std::uint64_t packed = packed_.load();
  return today > day_in(packed) ? 0 : units_in(packed);
}

Day DayCounter::day(Day today) const { return std::max(today, day_in(packed_.load())); }

bool QueuedCounter::try_take(std::uint64_t envelopes, std::uint64_t bytes,
                             std::uint64_t envelopes_max, std::uint64_t bytes_max) {
  if (envelopes_.fetch_add(envelopes) + envelopes <= envelopes_max) {
    if (bytes_.fetch_add(bytes) + bytes <= bytes_max) return true;
    bytes_.fetch_sub(bytes);
  }
  envelopes_.fetch_sub(envelopes);
  return false;
}

void QueuedCounter::add(std::uint64_t envelopes, std::uint64_t bytes) {
  envelopes_.fetch_add(envelopes);
  bytes_.fetch_add(bytes);
}

void QueuedCounter::give_back(std::uint64_t envelopes, std::uint64_t bytes) {
  envelopes_.fetch_sub(envelopes);
  bytes_.fetch_sub(bytes);
}

}  // namespace sluice::relay
