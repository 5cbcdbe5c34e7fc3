#include "smtp/enhanced_status.h"

#include <fmt/format.h>

namespace sluice::smtp {
namespace {

constexpr std::size_t kDigitsMax = 3;

// Reads a number of at most three digits without leading zeros, and moves past it.
std::optional<std::uint16_t> take_number(std::string_view& text) {
  std::size_t digits = 0;
  std::uint16_t value = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    if (digits == kDigitsMax) return std::nullopt;
    value = static_cast<std::uint16_t>(value * 10 + (text[digits] - '0'));
    ++digits;
  }
  if (digits == 0 || (digits > 1 && text[0] == '0')) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take_dot(std::string_view& text) {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string EnhancedStatus::to_string() const {
  return fmt::format("{}.{}.{}", klass, subject, detail);
}

// RFC 3463 §2: class "." subject "." detail; no white space, no leading zeros.
std::optional<EnhancedStatus> parse_enhanced_status(std::string_view text) {
  const auto klass = take_number(text);
  if (!klass || (*klass != 2 && *klass != 4 && *klass != 5) || !take_dot(text)) return std::nullopt;
  const auto subject = take_number(text);
  if (!subject || !take_dot(text)) return std::nullopt;
  const auto detail = take_number(text);
  if (!detail || (!text.empty() && text[0] != ' ')) return std::nullopt;
  return EnhancedStatus{
      .klass = static_cast<std::uint8_t>(*klass), .subject = *subject, .detail = *detail};
}

}  // namespace sluice::smtp
