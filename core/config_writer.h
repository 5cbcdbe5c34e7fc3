// Writing a struct as the TOML that its declared keys read back: the effective configuration.
#pragma once

#include <string>
#include <utility>

#include "core/config_path.h"
#include "core/config_schema.h"

namespace sluice {

template <class Struct, class... Keys>
std::string show_config(const Struct& values, const std::tuple<Keys...>& keys);

namespace config_writer {

// TOML wants the keys of a table before the tables inside it.
struct Text {
  std::string keys;
  std::string tables;
};

template <class Struct, class... Keys>
std::string show_table(const Struct& values, const std::string& path,
                       const std::tuple<Keys...>& keys);

template <class Struct, class Member, class Bound>
void add_key(const Struct& values, const std::string&, const ConfigKey<Struct, Member, Bound>& key,
             Text& out) {
  const Member& value = values.*key.member;
  const std::string name = std::string(key.name) + " = ";
  if constexpr (requires { value.has_value(); }) {
    if (value) out.keys += name + show_config_value(*value) + '\n';
  } else {
    out.keys += name + show_config_value(value) + '\n';
  }
}

template <class Struct, class Member, class Keys>
void add_key(const Struct& values, const std::string& path,
             const ConfigTable<Struct, Member, Keys>& key, Text& out) {
  const std::string inner = config_key_in(path, key.name);
  out.tables += "\n[" + inner + "]\n" + show_table(values.*key.member, inner, key.keys);
}

template <class Struct, class Item, class Keys>
void add_key(const Struct& values, const std::string& path,
             const ConfigTables<Struct, Item, Keys>& key, Text& out) {
  const std::string inner = config_key_in(path, key.name);
  for (const Item& item : values.*key.member) {
    out.tables += "\n[[" + inner + "]]\n" + show_table(item, inner, key.keys);
  }
}

template <class Struct>
void add_key(const Struct&, const std::string&, const ConfigOnly& key, Text& out) {
  out.keys += std::string(key.name) + " = " + quote_config_text(key.value) + '\n';
}

template <class Struct, std::size_t kCount>
void add_key(const Struct&, const std::string&, const ConfigMissing<kCount>&, Text&) {}

template <class Struct, class... Keys>
std::string show_table(const Struct& values, const std::string& path,
                       const std::tuple<Keys...>& keys) {
  Text text;
  std::apply([&](const auto&... key) { (add_key(values, path, key, text), ...); }, keys);
  return text.keys + text.tables;
}

}  // namespace config_writer

template <class Struct, class... Keys>
std::string show_config(const Struct& values, const std::tuple<Keys...>& keys) {
  return config_writer::show_table(values, "", keys);
}

}  // namespace sluice
