#include "commands/cell_text.h"

#include <fmt/format.h>

#include "core/assert.h"

namespace sluice::commands {

std::string show_age(long long seconds) {
  if (seconds <= 0) return "0s";
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d{:02}h", seconds / 86400, seconds / 3600 % 24);
}

std::string show_wait(long long seconds) {
  return seconds <= 0 ? "now" : "in " + show_age(seconds);
}

std::string shorten(const std::string& text, std::size_t bytes_max) {
  constexpr std::string_view kMark = "...";
  SLUICE_ASSERT(bytes_max > kMark.size(), "there is room for the mark");
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max - kMark.size();
  // Not in the middle of a character of UTF-8.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end).append(kMark);
}

}  // namespace sluice::commands
