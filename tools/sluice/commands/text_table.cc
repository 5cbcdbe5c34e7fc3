#include "commands/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/assert.h"

namespace sluice::commands {

TextTable::TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  rows_.push_back(std::move(titles));
}

void TextTable::add(std::vector<std::string> cells) {
  SLUICE_ASSERT(cells.size() == columns_.size(), "a cell for each column");
  rows_.push_back(std::move(cells));
}

std::string TextTable::to_string() const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      line += columns_[i].align == Align::right ? fmt::format("{:>{}}", row[i], widths[i])
                                                : fmt::format("{:<{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

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
