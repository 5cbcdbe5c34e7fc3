#include "core/config_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace sluice {

namespace {

constexpr std::size_t kTypingErrorsMax = 2;  // a name further away is not what was meant

// How many letters must be added, removed or replaced (Levenshtein's distance).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

// The known name that was probably meant, or nothing.
std::string_view nearest(std::string_view name, std::span<const std::string_view> known) {
  std::string_view best;
  std::size_t best_distance = kTypingErrorsMax + 1;
  for (const std::string_view candidate : known) {
    const std::size_t length_difference =
        std::max(name.size(), candidate.size()) - std::min(name.size(), candidate.size());
    if (length_difference > kTypingErrorsMax) continue;
    const std::size_t errors = distance(name, candidate);
    if (errors >= best_distance || errors >= candidate.size()) continue;
    best = candidate;
    best_distance = errors;
  }
  return best;
}

// A name as an error repeats it: TOML lets any text be a key.
std::string shown_name(std::string_view name) {
  if (is_bare_config_name(name)) return std::string(name);
  return ConfigNode::of_text(std::string(name), {}).describe();
}

}  // namespace

void refuse_unknown_keys(const ConfigNode& table, const std::string& path,
                         std::span<const std::string_view> known, ConfigProblems& problems) {
  for (const ConfigEntry& entry : table.entries) {
    if (std::ranges::find(known, entry.name) != known.end()) continue;
    std::string sentence = "unknown key";
    const std::string_view meant = nearest(entry.name, known);
    if (!meant.empty()) sentence += fmt::format(", expected perhaps \"{}\"", meant);
    problems.add(entry.place, config_key_in(path, shown_name(entry.name)), std::move(sentence));
  }
}

void refuse_missing_keys(const ConfigNode& table, const std::string& path,
                         std::span<const std::string_view> names, ConfigProblems& problems) {
  for (const ConfigEntry& entry : table.entries) {
    if (std::ranges::find(names, entry.name) == names.end()) continue;
    problems.add(entry.place, config_key_in(path, entry.name), "not available in this version");
  }
}

void check_only_key(const ConfigNode& table, const std::string& path, const ConfigOnly& key,
                    ConfigProblems& problems) {
  const ConfigNode* const node = table.find(key.name);
  if (node == nullptr) return;
  if (node->kind == ConfigNode::Kind::text && node->text == key.value) return;
  problems.add(node->place, config_key_in(path, key.name),
               fmt::format("found {}, not available in this version, expected {}", node->describe(),
                           quote_config_text(key.value)));
}

std::string config_expectation(std::string noun, const std::string& bounds,
                               const std::string& example) {
  if (!bounds.empty()) noun += ' ' + bounds;
  if (!example.empty()) noun += (bounds.empty() ? " such as " : ", such as ") + example;
  return noun;
}

std::span<const ConfigNode> config_tables_of(const ConfigNode& node, const std::string& path,
                                             ConfigProblems& problems) {
  if (!node.is_list_of_tables()) {
    problems.add_found(node, path, "tables, each under [[" + path + "]]");
    return {};
  }
  if (node.items.size() > kConfigListItemsMax) {
    problems.add(node.place, path,
                 fmt::format("found {} tables, expected at most {}", node.items.size(),
                             kConfigListItemsMax));
    return {};
  }
  return node.items;
}

std::span<const ConfigNode> config_items_of(const ConfigNode& node, const std::string& path,
                                            ConfigProblems& problems) {
  if (node.kind != ConfigNode::Kind::list) return {&node, 1};
  if (node.items.size() > kConfigListItemsMax) {
    problems.add(
        node.place, path,
        fmt::format("found {} items, expected at most {}", node.items.size(), kConfigListItemsMax));
    return {};
  }
  return node.items;
}

}  // namespace sluice
