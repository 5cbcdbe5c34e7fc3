// Rate: an amount per second, minute, hour or day, as the configuration writes it: "100/s",
// "1,000/min", "50k/h", "1,000/min,max_burst=10". A value; what enforces it is elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/config_value.h"
#include "core/units.h"

namespace sluice {

inline constexpr std::uint64_t kRateAmountMax = 1'000'000'000'000;

struct Rate {
  std::uint64_t amount = 1;                // from 1 to kRateAmountMax
  Duration period;                         // a second, a minute, an hour or a day
  std::optional<std::uint64_t> max_burst;  // at once after a pause; unset: what the key says

  friend bool operator==(const Rate&, const Rate&) = default;
};

// An amount may have commas between its digits, or end in k (1,000) or m (1,000,000).
std::optional<Rate> parse_rate(std::string_view text);
std::string show_rate(const Rate& rate);

template <>
struct ConfigText<Rate> {
  static constexpr std::string_view kName = "rate";
  static constexpr std::string_view kExample = "1,000/min";
  static std::optional<Rate> parse(std::string_view text) { return parse_rate(text); }
  static std::string show(const Rate& rate) { return show_rate(rate); }
};

}  // namespace sluice
