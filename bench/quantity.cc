#include "bench/quantity.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

namespace sluice::bench {
namespace {

using Unit = std::pair<std::string_view, std::uint64_t>;

constexpr std::array<Unit, 7> kByteUnits = {Unit{"", 1},
                                            Unit{"KB", 1'000},
                                            Unit{"MB", 1'000'000},
                                            Unit{"GB", 1'000'000'000},
                                            Unit{"KiB", 1ull << 10},
                                            Unit{"MiB", 1ull << 20},
                                            Unit{"GiB", 1ull << 30}};
constexpr std::array<Unit, 5> kTimeUnits = {Unit{"us", 1'000}, Unit{"ms", 1'000'000},
                                            Unit{"s", 1'000'000'000}, Unit{"m", 60'000'000'000},
                                            Unit{"h", 3'600'000'000'000}};

std::optional<std::uint64_t> parse_quantity(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [name, factor] : units) {
    std::uint64_t product = 0;
    if (name == suffix && !__builtin_mul_overflow(number, factor, &product)) return product;
  }
  return std::nullopt;
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
  const auto bytes = parse_quantity(text, kByteUnits);
  if (bytes) return *bytes;
  return fail(ErrorCode::invalid_argument,
              fmt::format("{}: expected a size such as 512, 10KB or 1MiB", text));
}

Result<Duration> parse_duration(std::string_view text) {
  const auto nanoseconds = parse_quantity(text, kTimeUnits);
  if (nanoseconds && *nanoseconds <= INT64_MAX) {
    return Duration(static_cast<std::int64_t>(*nanoseconds));
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("{}: expected a duration such as 50ms, 2s or 5m", text));
}

}  // namespace sluice::bench
