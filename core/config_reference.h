// The reference of the declared keys: type, default, bounds, when a change takes effect, sentence.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config_path.h"
#include "core/config_schema.h"

namespace sluice {

struct ConfigKeyRow {
  std::string name;
  std::string type;
  std::string standard;  // the default, as TOML or in words
  std::string bounds;    // empty: none
  bool is_fixed;         // a change takes effect at the next start
  std::string sentence;
};

struct ConfigSection {
  std::string title;  // "", "[log]", "[[route]]"
  std::string sentence;
  std::vector<ConfigKeyRow> rows;
};

// The sections of the keys, those of the outermost table first.
template <class Struct, class... Keys>
std::vector<ConfigSection> describe_config(const std::tuple<Keys...>& keys);

// For a terminal, and for the documentation.
std::string render_config_text(std::span<const ConfigSection> sections);
std::string render_config_markdown(std::span<const ConfigSection> sections);

namespace config_reference {

using Sections = std::vector<ConfigSection>;

template <class Struct, class... Keys>
void add_section(ConfigSection section, const std::string& path, const std::tuple<Keys...>& keys,
                 Sections& out);

template <class T>
struct TypeName {
  static std::string of() { return ConfigType<T>::name(); }
};
template <class T>
struct TypeName<std::vector<T>> {
  static std::string of() { return "list of " + ConfigType<T>::name(); }
};
template <class T>
struct TypeName<std::optional<T>> : TypeName<T> {};

template <class T>
std::string default_of(const T& value) {
  return show_config_value(value);
}
template <class T>
std::string default_of(const std::optional<T>& value) {
  return value ? show_config_value(*value) : "not set";
}

template <class Struct, class Member, class Bound>
void add_key(const ConfigKey<Struct, Member, Bound>& key, const std::string&, std::size_t section,
             Sections& out) {
  const Struct defaults;
  const auto bounds = [&]() -> std::string {
    if constexpr (std::same_as<Bound, Unbounded>) return {};
    using Scalar = typename ConfigScalar<Member>::Type;
    return show_bounds(bounds_of<Scalar>(key.bound));
  };
  const bool has_words = !key.unset_text.empty();
  out[section].rows.push_back(
      {.name = std::string(key.name),
       .type = TypeName<Member>::of(),
       .standard = has_words ? std::string(key.unset_text) : default_of(defaults.*key.member),
       .bounds = bounds(),
       .is_fixed = key.is_fixed,
       .sentence = std::string(key.sentence)});
}

template <class Struct, class Member, class Keys>
void add_key(const ConfigTable<Struct, Member, Keys>& key, const std::string& path, std::size_t,
             Sections& out) {
  const std::string inner = config_key_in(path, key.name);
  ConfigSection section{'[' + inner + ']', std::string(key.sentence), {}};
  add_section<Member>(std::move(section), inner, key.keys, out);
}

template <class Struct, class Item, class Keys>
void add_key(const ConfigTables<Struct, Item, Keys>& key, const std::string& path, std::size_t,
             Sections& out) {
  const std::string inner = config_key_in(path, key.name);
  ConfigSection section{"[[" + inner + "]]", std::string(key.sentence), {}};
  add_section<Item>(std::move(section), inner, key.keys, out);
}

template <class Struct>
void add_key(const ConfigOnly& key, const std::string&, std::size_t section, Sections& out) {
  const std::string value = quote_config_text(key.value);
  out[section].rows.push_back({.name = std::string(key.name),
                               .type = value,
                               .standard = value,
                               .bounds = {},
                               .is_fixed = false,
                               .sentence = std::string(key.sentence)});
}

template <class Struct, std::size_t kCount>
void add_key(const ConfigMissing<kCount>&, const std::string&, std::size_t, Sections&) {}

template <class Struct, class... Keys>
void add_section(ConfigSection section, const std::string& path, const std::tuple<Keys...>& keys,
                 Sections& out) {
  const std::size_t index = out.size();
  out.push_back(std::move(section));
  std::apply([&](const auto&... key) { (add_key<Struct>(key, path, index, out), ...); }, keys);
}

}  // namespace config_reference

template <class Struct, class... Keys>
std::vector<ConfigSection> describe_config(const std::tuple<Keys...>& keys) {
  std::vector<ConfigSection> sections;
  config_reference::add_section<Struct>({}, "", keys, sections);
  return sections;
}

}  // namespace sluice
