#include "core/config_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/assert.h"

namespace sluice {

namespace {

constexpr std::size_t kDescribedBytesMax = 80;  // of a value that an error repeats

std::string describe_text(std::string_view text) {
  if (text.size() <= kDescribedBytesMax) return quote_config_text(text);
  std::size_t length = kDescribedBytesMax;
  const auto is_continuation = [](char c) { return (c & '\xC0') == '\x80'; };  // RFC 3629 3
  while (length > 0 && is_continuation(text[length])) --length;
  return quote_config_text(text.substr(0, length)) + "...";
}

}  // namespace

std::string ConfigPlace::to_string() const {
  return line == 0 ? source : fmt::format("{}:{}:{}", source, line, column);
}

ConfigNode ConfigNode::of_text(std::string text, ConfigPlace place) {
  ConfigNode node;
  node.kind = Kind::text;
  node.text = std::move(text);
  node.place = std::move(place);
  return node;
}

ConfigNode ConfigNode::of_list(ConfigPlace place) {
  ConfigNode node;
  node.kind = Kind::list;
  node.place = std::move(place);
  return node;
}

ConfigNode ConfigNode::of_table(ConfigPlace place) {
  ConfigNode node;
  node.place = std::move(place);
  return node;
}

std::string ConfigNode::describe() const {
  switch (kind) {
    case Kind::boolean:
      return boolean ? "true" : "false";
    case Kind::integer:
      return std::to_string(integer);
    case Kind::real:
      return fmt::format("{}", real);
    case Kind::text:
      return describe_text(text);
    case Kind::moment:
      return "the date or time " + text;
    case Kind::list:
      return items.empty() ? "an empty list" : "a list";
    case Kind::table:
      return "a table";
  }
  return "nothing";
}

bool ConfigNode::is_list_of_tables() const {
  const auto is_table = [](const ConfigNode& item) { return item.kind == Kind::table; };
  return kind == Kind::list && !items.empty() && std::ranges::all_of(items, is_table);
}

const ConfigNode* ConfigNode::find(std::string_view name) const {
  const auto entry = std::ranges::find(entries, name, &ConfigEntry::name);
  return entry == entries.end() ? nullptr : &entry->value;
}

ConfigNode* ConfigNode::find(std::string_view name) {
  const auto entry = std::ranges::find(entries, name, &ConfigEntry::name);
  return entry == entries.end() ? nullptr : &entry->value;
}

ConfigNode& ConfigNode::add(std::string name, ConfigNode value) {
  SLUICE_ASSERT(kind == Kind::table, "only a table has names");
  SLUICE_ASSERT(find(name) == nullptr, "each name once");
  ConfigPlace name_place = value.place;
  return entries.emplace_back(std::move(name), std::move(name_place), std::move(value)).value;
}

ConfigPlace place_of(const ConfigNode& root, std::string_view path) {
  const auto steps = parse_config_path(path);
  SLUICE_ASSERT(steps.has_value(), "our own checks name keys by their paths");

  const ConfigNode* node = &root;
  for (const ConfigStep& step : *steps) {
    const ConfigNode* const next = node->find(step.name);
    if (next == nullptr) return node->place;
    node = next;
    if (!step.index || node->kind != ConfigNode::Kind::list) continue;
    if (*step.index >= node->items.size()) return node->place;
    node = &node->items[*step.index];
  }
  return node->place;
}

std::string quote_config_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      fmt::format_to(std::back_inserter(quoted), "\\u{:04X}", byte);
    } else {
      quoted += c;
    }
  }
  quoted += '"';
  return quoted;
}

}  // namespace sluice
