// What differs between two configurations of the same keys, for the operator who reloads one.
//
// Items of a list of tables are compared by their name where they have one, else by position.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/config_path.h"
#include "core/config_schema.h"

namespace sluice {

struct ConfigChange {
  std::string key;     // "limits.memory", "tenant[acme].quota", "route[1].domains"
  std::string before;  // as TOML; empty: not set
  std::string after;
  bool is_fixed;  // takes effect at the next start

  friend bool operator==(const ConfigChange&, const ConfigChange&) = default;
};

// In the order of the declared keys.
template <class Struct, class... Keys>
std::vector<ConfigChange> compare_config(const Struct& before, const Struct& after,
                                         const std::tuple<Keys...>& keys);

namespace config_difference {

using Changes = std::vector<ConfigChange>;

template <class Struct, class... Keys>
void compare_table(const Struct* before, const Struct* after, const std::string& path,
                   const std::tuple<Keys...>& keys, Changes& out);

template <class T>
std::string show(const T& value) {
  return show_config_value(value);
}
template <class T>
std::string show(const std::optional<T>& value) {
  return value ? show_config_value(*value) : std::string();
}

template <class Struct, class Member, class Bound>
void compare_key(const Struct* before, const Struct* after, const std::string& path,
                 const ConfigKey<Struct, Member, Bound>& key, Changes& out) {
  std::string old_text = before != nullptr ? show(before->*key.member) : std::string();
  std::string new_text = after != nullptr ? show(after->*key.member) : std::string();
  if (old_text == new_text) return;
  out.push_back(ConfigChange{.key = config_key_in(path, key.name),
                             .before = std::move(old_text),
                             .after = std::move(new_text),
                             .is_fixed = key.is_fixed});
}

template <class Struct, class Member, class Keys>
void compare_key(const Struct* before, const Struct* after, const std::string& path,
                 const ConfigTable<Struct, Member, Keys>& key, Changes& out) {
  const Member* const old_table = before != nullptr ? &(before->*key.member) : nullptr;
  const Member* const new_table = after != nullptr ? &(after->*key.member) : nullptr;
  compare_table(old_table, new_table, config_key_in(path, key.name), key.keys, out);
}

template <class Item>
concept Named = requires(const Item& item) {
  { item.name } -> std::convertible_to<std::string>;
};

template <class Item>
std::string identity_of(const Item& item, std::size_t position) {
  if constexpr (Named<Item>) {
    return item.name;
  } else {
    return std::to_string(position);
  }
}

// Null: the list has no such item.
template <class Item>
const Item* find(const std::vector<Item>& items, const std::string& identity) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (identity_of(items[i], i) == identity) return &items[i];
  }
  return nullptr;
}

// "tenant[acme]"
inline std::string item_path(const std::string& list, const std::string& identity) {
  std::string path = list;
  path.append("[").append(identity).append("]");
  return path;
}

template <class Struct, class Item, class Keys>
void compare_key(const Struct* before, const Struct* after, const std::string& path,
                 const ConfigTables<Struct, Item, Keys>& key, Changes& out) {
  static const std::vector<Item> kNone;
  const auto& old_items = before != nullptr ? before->*key.member : kNone;
  const auto& new_items = after != nullptr ? after->*key.member : kNone;
  const std::string list = config_key_in(path, key.name);
  for (std::size_t i = 0; i < old_items.size(); ++i) {
    const std::string identity = identity_of(old_items[i], i);
    compare_table(&old_items[i], find(new_items, identity), item_path(list, identity), key.keys,
                  out);
  }
  for (std::size_t i = 0; i < new_items.size(); ++i) {
    const std::string identity = identity_of(new_items[i], i);
    if (find(old_items, identity) != nullptr) continue;
    compare_table(static_cast<const Item*>(nullptr), &new_items[i], item_path(list, identity),
                  key.keys, out);
  }
}

template <class Struct>
void compare_key(const Struct*, const Struct*, const std::string&, const ConfigOnly&, Changes&) {}

template <class Struct, std::size_t kCount>
void compare_key(const Struct*, const Struct*, const std::string&, const ConfigMissing<kCount>&,
                 Changes&) {}

template <class Struct, class... Keys>
void compare_table(const Struct* before, const Struct* after, const std::string& path,
                   const std::tuple<Keys...>& keys, Changes& out) {
  std::apply([&](const auto&... key) { (compare_key(before, after, path, key, out), ...); }, keys);
}

}  // namespace config_difference

template <class Struct, class... Keys>
std::vector<ConfigChange> compare_config(const Struct& before, const Struct& after,
                                         const std::tuple<Keys...>& keys) {
  std::vector<ConfigChange> changes;
  config_difference::compare_table(&before, &after, "", keys, changes);
  return changes;
}

}  // namespace sluice
