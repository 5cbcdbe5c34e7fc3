#include "core/config_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace sluice {

namespace {

constexpr std::size_t kIndexDigitsMax = 6;

bool is_bare_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

std::optional<std::size_t> parse_index(std::string_view digits) {
  if (digits.empty() || digits.size() > kIndexDigitsMax) return std::nullopt;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return index;
}

// "route[0]" or "limits"
std::optional<ConfigStep> parse_step(std::string_view text) {
  const auto bracket = text.find('[');
  const std::string_view name = text.substr(0, bracket);
  if (!is_bare_config_name(name)) return std::nullopt;
  if (bracket == std::string_view::npos) return ConfigStep{std::string(name), std::nullopt};

  if (!text.ends_with(']')) return std::nullopt;
  const auto index = parse_index(text.substr(bracket + 1, text.size() - bracket - 2));
  if (!index) return std::nullopt;
  return ConfigStep{std::string(name), index};
}

}  // namespace

bool is_bare_config_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_bare_character);
}

std::optional<std::vector<ConfigStep>> parse_config_path(std::string_view text) {
  std::vector<ConfigStep> steps;
  while (true) {
    const auto dot = text.find('.');
    auto step = parse_step(text.substr(0, dot));
    if (!step) return std::nullopt;
    steps.push_back(*std::move(step));
    if (dot == std::string_view::npos) return steps;
    text.remove_prefix(dot + 1);
  }
}

std::string config_key_in(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

std::string config_key_at(const std::string& path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

}  // namespace sluice
