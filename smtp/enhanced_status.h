// Enhanced status codes (RFC 3463, RFC 2034): class.subject.detail.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::smtp {

struct EnhancedStatus {
  std::uint8_t klass = 0;  // 2, 4 or 5; 0: there is none
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;

  bool is_present() const { return klass != 0; }
  std::string to_string() const;  // "5.7.1"
  friend auto operator<=>(const EnhancedStatus&, const EnhancedStatus&) = default;
};

// Reads "4.7.1" at the start of a reply's text; the rest follows behind one space or the end.
// Nothing when the text does not begin with a code of RFC 3463 §2 (each number at most 999, no
// leading zeros: so what was read is as long as its to_string()).
std::optional<EnhancedStatus> parse_enhanced_status(std::string_view text);

}  // namespace sluice::smtp
