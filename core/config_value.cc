#include "core/config_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/assert.h"
#include "core/utf8.h"

namespace sluice {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t amount;
};

// Largest first of each kind, as showing prefers them; the names are distinct.
constexpr std::array<Unit, 9> kSizeUnits = {{{"TiB", 1ULL << 40},
                                             {"GiB", 1ULL << 30},
                                             {"MiB", 1ULL << 20},
                                             {"KiB", 1ULL << 10},
                                             {"TB", 1'000'000'000'000},
                                             {"GB", 1'000'000'000},
                                             {"MB", 1'000'000},
                                             {"KB", 1'000},
                                             {"B", 1}}};

constexpr std::array<Unit, 5> kDurationUnits = {{{"d", 86'400'000'000'000},
                                                 {"h", 3'600'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"ms", 1'000'000}}};

// Digits and a unit, nothing between or around them; at most the largest int64.
std::optional<std::uint64_t> parse_amount(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;

  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  const auto unit = std::ranges::find(units, name, &Unit::name);
  if (unit == units.end()) return std::nullopt;
  if (number > static_cast<std::uint64_t>(INT64_MAX) / unit->amount) return std::nullopt;
  return number * unit->amount;
}

// In the largest unit that says it exactly; the last unit when none does.
std::string show_amount(std::uint64_t amount, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (amount >= unit.amount && amount % unit.amount == 0) {
      return fmt::format("{}{}", amount / unit.amount, unit.name);
    }
  }
  return fmt::format("{}{}", amount / units.back().amount, units.back().name);
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

}  // namespace

std::optional<ByteCount> parse_size(std::string_view text) {
  const auto amount = parse_amount(text, kSizeUnits);
  return amount ? std::optional(ByteCount(*amount)) : std::nullopt;
}

std::string show_size(ByteCount size) { return show_amount(size.value(), kSizeUnits); }

std::optional<Duration> parse_duration(std::string_view text) {
  const auto amount = parse_amount(text, kDurationUnits);
  return amount ? std::optional(Duration(static_cast<std::int64_t>(*amount))) : std::nullopt;
}

std::string show_duration(Duration duration) {
  SLUICE_ASSERT(duration >= Duration::zero(), "settings are spans of time, never negative");
  return show_amount(static_cast<std::uint64_t>(duration.count()), kDurationUnits);
}

std::optional<Endpoint> ConfigText<Endpoint>::parse(std::string_view text) {
  auto endpoint = Endpoint::parse(text);
  return endpoint ? std::optional(*endpoint) : std::nullopt;
}

std::optional<IpNetwork> ConfigText<IpNetwork>::parse(std::string_view text) {
  auto network = IpNetwork::parse(text);
  return network ? std::optional(*network) : std::nullopt;
}

std::optional<bool> ConfigType<bool>::from(const ConfigNode& node) {
  return node.kind == ConfigNode::Kind::boolean ? std::optional(node.boolean) : std::nullopt;
}

std::optional<double> ConfigType<double>::from(const ConfigNode& node) {
  if (node.kind == ConfigNode::Kind::integer) return static_cast<double>(node.integer);
  if (node.kind != ConfigNode::Kind::real || !std::isfinite(node.real)) return std::nullopt;
  return node.real;
}

std::string ConfigType<double>::show(double value) {
  const std::string text = fmt::format("{}", value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::optional<std::string> ConfigType<std::string>::from(const ConfigNode& node) {
  if (node.kind != ConfigNode::Kind::text) return std::nullopt;
  if (node.text.size() > kConfigTextBytesMax) return std::nullopt;
  if (std::ranges::any_of(node.text, is_control)) return std::nullopt;
  if (find_invalid_utf8(node.text)) return std::nullopt;
  return node.text;
}

std::string with_article(std::string_view noun) {
  const bool starts_with_vowel = !noun.empty() && std::string_view("aeiou").contains(noun.front());
  return fmt::format("{} {}", starts_with_vowel ? "an" : "a", noun);
}

std::string list_names(std::span<const std::string_view> names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) list += i + 1 == names.size() ? " or " : ", ";
    list += quote_config_text(names[i]);
  }
  return list;
}

}  // namespace sluice
