#include "core/config_override.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/config_file.h"

namespace sluice {

namespace {

using Kind = ConfigNode::Kind;

void move_to(ConfigNode& node, const ConfigPlace& place) {
  node.place = place;
  for (ConfigNode& item : node.items) move_to(item, place);
  for (ConfigEntry& entry : node.entries) {
    entry.place = place;
    move_to(entry.value, place);
  }
}

ConfigNode parse_value(std::string_view text, const ConfigPlace& place) {
  ConfigProblems ignored;  // text that is no TOML is taken as it is
  ConfigNode parsed = parse_config_text(fmt::format("value = {}", text), place.source, ignored);
  ConfigNode* const value = parsed.find("value");
  const bool is_one_value = ignored.empty() && value != nullptr && parsed.entries.size() == 1;
  if (!is_one_value) return ConfigNode::of_text(std::string(text), place);
  move_to(*value, place);
  return std::move(*value);
}

// The table or list item that a step leads to, made when it is not there; null and a problem when
// something else is in its place.
ConfigNode* descend(ConfigNode& node, const ConfigStep& step, const ConfigPlace& place,
                    ConfigProblems& problems) {
  if (node.kind != Kind::table) {
    problems.add(place, {}, fmt::format("\"{}\" is no key of {}", step.name, node.describe()));
    return nullptr;
  }
  ConfigNode* next = node.find(step.name);
  if (next == nullptr) {
    next =
        &node.add(step.name, step.index ? ConfigNode::of_list(place) : ConfigNode::of_table(place));
  }
  if (!step.index) return next;

  if (next->kind != Kind::list || *step.index > next->items.size()) {
    problems.add(place, {},
                 fmt::format("found {}[{}], expected at most {}[{}]", step.name, *step.index,
                             step.name, next->items.size()));
    return nullptr;
  }
  if (*step.index == next->items.size()) next->items.push_back(ConfigNode::of_table(place));
  return &next->items[*step.index];
}

}  // namespace

void set_config_value(ConfigNode& root, std::string_view assignment, ConfigProblems& problems) {
  const auto equals = assignment.find('=');
  const std::string_view key = assignment.substr(0, equals);
  const ConfigPlace place{fmt::format("--set {}", key)};
  const auto steps = parse_config_path(key);
  if (equals == std::string_view::npos || !steps) {
    problems.add(place, {},
                 "expected KEY=VALUE, such as limits.memory=2GiB or "
                 "route[0].connections=4");
    return;
  }

  ConfigNode* node = &root;
  for (const ConfigStep& step : *steps) {
    node = descend(*node, step, place, problems);
    if (node == nullptr) return;
  }
  *node = parse_value(assignment.substr(equals + 1), place);
}

}  // namespace sluice
