// The declared keys of a configuration, and what is done with them.
//
// Each key is declared once, beside the struct that it fills, with its bounds, when a change of it
// takes effect, and a sentence; its type and default are those of the member:
//
//   constexpr auto kRouteKeys = std::tuple{
//       key("connections", &RouteSettings::connections, range(1, 1000), "Connections to it."),
//   };
//
// From the declaration come reading (core/config_reader), the reference (core/config_reference) and
// the text of the effective values (core/config_writer). Declarations only: no file, no syntax.
#pragma once

#include <array>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/config_value.h"
#include "core/units.h"

namespace sluice {

struct Unbounded {};

template <class Bound>
struct Range {
  Bound min;
  Bound max;
};

// From min to max, both allowed; of a list, each item.
template <class Bound>
constexpr Range<Bound> range(Bound min, Bound max) {
  return {min, max};
}
constexpr Range<Duration> range(Duration min, Duration max) { return {min, max}; }

// A key with a value: a member of Struct.
template <class Struct, class Member, class Bound>
struct ConfigKey {
  std::string_view name;
  Member Struct::* member;
  Bound bound;
  std::string_view sentence;
  std::string_view unset_text = {};
  bool is_fixed = false;

  // What the reference gives as the default where the member's own is "not set".
  constexpr ConfigKey unset(std::string_view text) const {
    ConfigKey copy = *this;
    copy.unset_text = text;
    return copy;
  }
  // A change takes effect at the next start; other keys can be taken over while running.
  constexpr ConfigKey at_restart() const {
    ConfigKey copy = *this;
    copy.is_fixed = true;
    return copy;
  }
};

template <class Struct, class Member>
constexpr auto key(std::string_view name, Member Struct::* member, std::string_view sentence) {
  return ConfigKey<Struct, Member, Unbounded>{name, member, {}, sentence};
}

template <class Struct, class Member, class Bound>
constexpr auto key(std::string_view name, Member Struct::* member, Range<Bound> bound,
                   std::string_view sentence) {
  return ConfigKey<Struct, Member, Range<Bound>>{name, member, bound, sentence};
}

// [name]: a table, whose keys fill the member.
template <class Struct, class Member, class Keys>
struct ConfigTable {
  std::string_view name;
  Member Struct::* member;
  Keys keys;
  std::string_view sentence;
};

template <class Struct, class Member, class Keys>
constexpr auto table(std::string_view name, Member Struct::* member, Keys keys,
                     std::string_view sentence) {
  return ConfigTable<Struct, Member, Keys>{name, member, keys, sentence};
}

// [[name]]: tables that follow each other; the member is a vector.
template <class Struct, class Item, class Keys>
struct ConfigTables {
  std::string_view name;
  std::vector<Item> Struct::* member;
  Keys keys;
  std::string_view sentence;
};

template <class Struct, class Item, class Keys>
constexpr auto tables(std::string_view name, std::vector<Item> Struct::* member, Keys keys,
                      std::string_view sentence) {
  return ConfigTables<Struct, Item, Keys>{name, member, keys, sentence};
}

// A key of which this version knows one value; it refuses the others by name.
struct ConfigOnly {
  std::string_view name;
  std::string_view value;
  std::string_view sentence;
};

constexpr ConfigOnly only(std::string_view name, std::string_view value,
                          std::string_view sentence) {
  return {name, value, sentence};
}

// Keys that this version refuses by name, since it does not have what they set.
template <std::size_t kCount>
struct ConfigMissing {
  std::array<std::string_view, kCount> names;
};

template <class... Names>
constexpr auto not_available(Names... names) {
  return ConfigMissing<sizeof...(Names)>{{std::string_view(names)...}};
}

// What the bounds of a key are about: a list's items, an optional's value.
template <class T>
struct ConfigScalar {
  using Type = T;
};
template <class T>
struct ConfigScalar<std::optional<T>> : ConfigScalar<T> {};
template <class T>
struct ConfigScalar<std::vector<T>> : ConfigScalar<T> {};

// The bounds as values of the key's type; a whole number has some in any case.
template <class T, class Bound>
constexpr std::optional<Range<T>> bounds_of(const Bound& bound) {
  if constexpr (!std::same_as<Bound, Unbounded>) {
    return Range<T>{T(bound.min), T(bound.max)};
  } else if constexpr (std::integral<T> && !std::same_as<T, bool>) {
    return Range<T>{std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
  } else {
    return std::nullopt;
  }
}

template <class T>
constexpr bool is_within(const T& value, const std::optional<Range<T>>& bounds) {
  if constexpr (std::totally_ordered<T>) {
    return !bounds || (bounds->min <= value && value <= bounds->max);
  } else {
    return true;
  }
}

// A member as TOML writes it.
template <class T>
std::string show_config_value(const T& value) {
  return ConfigType<T>::show(value);
}
template <class T>
std::string show_config_value(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) text += (text.empty() ? "" : ", ") + ConfigType<T>::show(value);
  return '[' + text + ']';
}

// "from 1 to 1000", or nothing.
template <class T>
std::string show_bounds(const std::optional<Range<T>>& bounds) {
  if (!bounds) return {};
  return "from " + ConfigType<T>::show(bounds->min) + " to " + ConfigType<T>::show(bounds->max);
}

}  // namespace sluice
