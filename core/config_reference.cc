#include "core/config_reference.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice {

namespace {

std::string_view effect_of(const ConfigKeyRow& row) { return row.is_fixed ? "restart" : "reload"; }

std::string type_with_bounds(const ConfigKeyRow& row) {
  return row.bounds.empty() ? row.type : row.type + ' ' + row.bounds;
}

// A column separator inside a cell would end it.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

constexpr std::size_t kColumns = 96;

// Words in lines of at most kColumns, each line behind the indent.
std::string wrapped(std::string_view text, std::string_view indent) {
  std::string lines;
  std::size_t column = kColumns;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    const bool fits = column + 1 + word.size() <= kColumns;
    if (!fits && !lines.empty()) lines += '\n';
    lines += fits ? " " : indent;
    lines += word;
    column = (fits ? column + 1 : indent.size()) + word.size();
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return lines;
}

}  // namespace

std::string render_config_text(std::span<const ConfigSection> sections) {
  std::string text;
  for (const ConfigSection& section : sections) {
    if (!section.title.empty()) {
      text += fmt::format("\n{}  # {}\n", section.title, section.sentence);
    }
    for (const ConfigKeyRow& row : section.rows) {
      text += fmt::format("\n  {} = {}\n      {}; {}\n{}\n", row.name, row.standard,
                          type_with_bounds(row), effect_of(row), wrapped(row.sentence, "      "));
    }
  }
  return text;
}

std::string render_config_markdown(std::span<const ConfigSection> sections) {
  std::string text;
  for (const ConfigSection& section : sections) {
    text +=
        fmt::format("\n## {}\n\n", section.title.empty() ? "Top level" : '`' + section.title + '`');
    if (!section.sentence.empty()) text += fmt::format("{}\n\n", section.sentence);
    text += "| key | type | default | change | |\n|---|---|---|---|---|\n";
    for (const ConfigKeyRow& row : section.rows) {
      text += fmt::format("| `{}` | {} | {} | {} | {} |\n", row.name, cell(type_with_bounds(row)),
                          cell(row.standard), effect_of(row), cell(row.sentence));
    }
  }
  return text;
}

}  // namespace sluice
