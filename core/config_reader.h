// Reading a ConfigNode into the struct that the declared keys fill.
//
// Every problem is reported, none ends the reading: a value that is wrong or absent keeps its
// default. Unknown keys are problems, as are those that this version does not have.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "core/config_document.h"
#include "core/config_path.h"
#include "core/config_problems.h"
#include "core/config_schema.h"

namespace sluice {

// `path` is the key of the table itself, empty for the whole document.
template <class Struct, class... Keys>
void read_config_table(const ConfigNode& table, const std::string& path,
                       const std::tuple<Keys...>& keys, Struct& out, ConfigProblems& problems);

// The parts of reading that need no template.
void refuse_unknown_keys(const ConfigNode& table, const std::string& path,
                         std::span<const std::string_view> known, ConfigProblems& problems);
void refuse_missing_keys(const ConfigNode& table, const std::string& path,
                         std::span<const std::string_view> names, ConfigProblems& problems);
void check_only_key(const ConfigNode& table, const std::string& path, const ConfigOnly& key,
                    ConfigProblems& problems);
// `a whole number` + `from 1 to 9` + `"5m"` is `a whole number from 1 to 9, such as "5m"`.
std::string config_expectation(std::string noun, const std::string& bounds,
                               const std::string& example);
// The tables of [[path]]; none and a problem when the node is something else.
std::span<const ConfigNode> config_tables_of(const ConfigNode& node, const std::string& path,
                                             ConfigProblems& problems);
// The items of a list; a value that is no list stands for a list of itself.
std::span<const ConfigNode> config_items_of(const ConfigNode& node, const std::string& path,
                                            ConfigProblems& problems);

namespace config_reader {

template <class T>
using Bounds = std::optional<Range<typename ConfigScalar<T>::Type>>;

template <class T>
std::optional<T> read_scalar(const ConfigNode& node, const std::string& path,
                             const Bounds<T>& bounds, ConfigProblems& problems) {
  std::optional<T> value = ConfigType<T>::from(node);
  if (value && is_within(*value, bounds)) return value;
  if constexpr (RefusedUnrepeated<T>) {
    problems.add(node.place, path, std::string(ConfigType<T>::kRefusal));
  } else {
    problems.add_found(
        node, path,
        config_expectation(ConfigType<T>::noun(), show_bounds(bounds), ConfigType<T>::example()));
  }
  return std::nullopt;
}

template <class T>
void read_value(const ConfigNode& node, const std::string& path, const Bounds<T>& bounds, T& out,
                ConfigProblems& problems) {
  if (auto value = read_scalar<T>(node, path, bounds, problems)) out = *std::move(value);
}

template <class T>
void read_value(const ConfigNode& node, const std::string& path, const Bounds<T>& bounds,
                std::vector<T>& out, ConfigProblems& problems) {
  std::vector<T> values;
  std::size_t index = 0;
  for (const ConfigNode& item : config_items_of(node, path, problems)) {
    const bool is_list = node.kind == ConfigNode::Kind::list;
    const std::string item_path = is_list ? config_key_at(path, index++) : path;
    auto value = read_scalar<T>(item, item_path, bounds, problems);
    if (value) values.push_back(*std::move(value));
  }
  out = std::move(values);
}

template <class T>
void read_value(const ConfigNode& node, const std::string& path, const Bounds<T>& bounds,
                std::optional<T>& out, ConfigProblems& problems) {
  if (auto value = read_scalar<T>(node, path, bounds, problems)) out = std::move(value);
}

template <class T>
void read_value(const ConfigNode& node, const std::string& path, const Bounds<T>& bounds,
                std::optional<std::vector<T>>& out, ConfigProblems& problems) {
  read_value(node, path, bounds, out.emplace(), problems);
}

template <class Struct, class Member, class Bound>
void read_key(const ConfigNode& table, const std::string& path,
              const ConfigKey<Struct, Member, Bound>& key, Struct& out, ConfigProblems& problems) {
  const ConfigNode* const node = table.find(key.name);
  if (node == nullptr) return;
  const auto bounds = bounds_of<typename ConfigScalar<Member>::Type>(key.bound);
  read_value(*node, config_key_in(path, key.name), bounds, out.*key.member, problems);
}

template <class Struct, class Member, class Keys>
void read_key(const ConfigNode& table, const std::string& path,
              const ConfigTable<Struct, Member, Keys>& key, Struct& out, ConfigProblems& problems) {
  const ConfigNode* const node = table.find(key.name);
  if (node == nullptr) return;
  const std::string inner = config_key_in(path, key.name);
  if (node->kind != ConfigNode::Kind::table) {
    problems.add_found(*node, inner, "a table, [" + inner + "]");
    return;
  }
  read_config_table(*node, inner, key.keys, out.*key.member, problems);
}

template <class Struct, class Item, class Keys>
void read_key(const ConfigNode& table, const std::string& path,
              const ConfigTables<Struct, Item, Keys>& key, Struct& out, ConfigProblems& problems) {
  const ConfigNode* const node = table.find(key.name);
  if (node == nullptr) return;
  const std::string inner = config_key_in(path, key.name);
  for (const ConfigNode& item : config_tables_of(*node, inner, problems)) {
    auto& items = out.*key.member;
    const std::string item_path = config_key_at(inner, items.size());
    read_config_table(item, item_path, key.keys, items.emplace_back(), problems);
  }
}

template <class Struct>
void read_key(const ConfigNode& table, const std::string& path, const ConfigOnly& key, Struct&,
              ConfigProblems& problems) {
  check_only_key(table, path, key, problems);
}

template <class Struct, std::size_t kCount>
void read_key(const ConfigNode& table, const std::string& path, const ConfigMissing<kCount>& key,
              Struct&, ConfigProblems& problems) {
  refuse_missing_keys(table, path, key.names, problems);
}

void add_names(std::vector<std::string_view>& names, const auto& key) {
  if constexpr (requires { key.names; }) {
    names.insert(names.end(), key.names.begin(), key.names.end());
  } else {
    names.push_back(key.name);
  }
}

}  // namespace config_reader

template <class Struct, class... Keys>
void read_config_table(const ConfigNode& table, const std::string& path,
                       const std::tuple<Keys...>& keys, Struct& out, ConfigProblems& problems) {
  std::vector<std::string_view> known;
  std::apply(
      [&](const auto&... key) {
        (config_reader::add_names(known, key), ...);
        (config_reader::read_key(table, path, key, out, problems), ...);
      },
      keys);
  refuse_unknown_keys(table, path, known, problems);
}

}  // namespace sluice
