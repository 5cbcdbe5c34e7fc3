#include "core/rate.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace sluice {
namespace {

struct Period {
  std::string_view name;
  Duration length;
};
constexpr std::array kPeriods = {
    Period{"s", std::chrono::seconds(1)},
    Period{"min", std::chrono::minutes(1)},
    Period{"h", std::chrono::hours(1)},
    Period{"day", std::chrono::hours(24)},
};

std::optional<std::uint64_t> parse_digits(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "1000", "1,000,000": a comma stands before each group of three, everywhere or nowhere.
std::optional<std::uint64_t> parse_grouped(std::string_view text) {
  if (text.find(',') == std::string_view::npos) return parse_digits(text);
  std::string digits;
  std::size_t group = text.find(',');
  if (group == 0 || group > 3) return std::nullopt;
  digits.append(text.substr(0, group));
  for (std::size_t at = group; at < text.size(); at += 4) {
    const std::string_view three = text.substr(at, 4);
    if (three.size() != 4 || three.front() != ',') return std::nullopt;
    digits.append(three.substr(1));
  }
  return parse_digits(digits);
}

std::optional<std::uint64_t> parse_amount(std::string_view text) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  std::uint64_t factor = 1;
  if (text.back() == 'k') factor = 1'000;
  if (text.back() == 'm') factor = 1'000'000;
  if (factor > 1) text.remove_suffix(1);

  const auto number = parse_grouped(text);
  if (!number || *number == 0 || *number > kRateAmountMax / factor) return std::nullopt;
  return *number * factor;
}

std::optional<Duration> parse_period(std::string_view text) {
  for (const Period& period : kPeriods) {
    if (period.name == text) return period.length;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Rate> parse_rate(std::string_view text) {
  constexpr std::string_view kBurst = ",max_burst=";
  std::optional<std::uint64_t> max_burst;
  if (const auto at = text.find(kBurst); at != std::string_view::npos) {
    max_burst = parse_amount(text.substr(at + kBurst.size()));
    if (!max_burst) return std::nullopt;
    text = text.substr(0, at);
  }

  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto amount = parse_amount(text.substr(0, slash));
  const auto period = parse_period(text.substr(slash + 1));
  if (!amount || !period) return std::nullopt;
  return Rate{.amount = *amount, .period = *period, .max_burst = max_burst};
}

std::string show_rate(const Rate& rate) {
  std::string_view name = "?";
  for (const Period& period : kPeriods) {
    if (period.length == rate.period) name = period.name;
  }
  std::string text = fmt::format("{}/{}", rate.amount, name);
  if (rate.max_burst) text += fmt::format(",max_burst={}", *rate.max_burst);
  return text;
}

}  // namespace sluice
