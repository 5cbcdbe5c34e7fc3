#include "core/config_reference.h"

#include <fmt/format.h>

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

}  // namespace

std::string render_config_text(std::span<const ConfigSection> sections) {
  std::string text;
  for (const ConfigSection& section : sections) {
    if (!section.title.empty()) {
      text += fmt::format("\n{}  # {}\n", section.title, section.sentence);
    }
    for (const ConfigKeyRow& row : section.rows) {
      text += fmt::format("\n  {} = {}\n      {}; {}\n      {}\n", row.name, row.standard,
                          type_with_bounds(row), effect_of(row), row.sentence);
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
