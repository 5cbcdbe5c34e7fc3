// ConfigType<T>: how a C++ type is written as a value of the configuration.
//
// Sizes ("50MB"), durations ("5m"), endpoints, networks, whole numbers, names of an enum and so
// on. A part adds a type of its own by specialising ConfigText (a type with a textual form) or
// ConfigNames (an enum). Pure functions; nothing here throws or keeps state.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/config_document.h"
#include "core/ip_address.h"
#include "core/units.h"

namespace sluice {

inline constexpr std::size_t kConfigTextBytesMax = 4096;
inline constexpr std::size_t kConfigListItemsMax = 10'000;

// "10KB" "50MB" "1GiB" "512B": KB is 1000, KiB 1024.
std::optional<ByteCount> parse_size(std::string_view text);
std::string show_size(ByteCount size);

// "500ms" "20s" "15m" "4h" "5d"
std::optional<Duration> parse_duration(std::string_view text);
std::string show_duration(Duration duration);

// A type that is written as text. Specialise with:
//   static constexpr std::string_view kName = "size", kExample = "50MB";
//   static std::optional<T> parse(std::string_view);
//   static std::string show(const T&);
template <class T>
struct ConfigText;

template <>
struct ConfigText<ByteCount> {
  static constexpr std::string_view kName = "size";
  static constexpr std::string_view kExample = "50MB";
  static std::optional<ByteCount> parse(std::string_view text) { return parse_size(text); }
  static std::string show(ByteCount size) { return show_size(size); }
};

template <>
struct ConfigText<Duration> {
  static constexpr std::string_view kName = "duration";
  static constexpr std::string_view kExample = "5m";
  static std::optional<Duration> parse(std::string_view text) { return parse_duration(text); }
  static std::string show(Duration duration) { return show_duration(duration); }
};

template <>
struct ConfigText<Endpoint> {
  static constexpr std::string_view kName = "address:port";
  static constexpr std::string_view kExample = "127.0.0.1:2525";
  static std::optional<Endpoint> parse(std::string_view text);
  static std::string show(const Endpoint& endpoint) { return endpoint.to_string(); }
};

template <>
struct ConfigText<IpNetwork> {
  static constexpr std::string_view kName = "network";
  static constexpr std::string_view kExample = "192.0.2.0/24";
  static std::optional<IpNetwork> parse(std::string_view text);
  static std::string show(const IpNetwork& network) { return network.to_string(); }
};

// The names of an enum whose enumerators count from 0:
//   static constexpr std::array<std::string_view, 2> kNames = {"text", "json"};
template <class Enum>
struct ConfigNames;

template <class T>
concept WrittenAsText = requires { ConfigText<T>::kName; };

// name(): of the type, for the reference. noun(): for "expected ...", before any bounds.
// example(): a value as it is written, or empty. from(): nothing when the node is of another kind
// or form; bounds are the key's. show(): as TOML.
template <class T>
struct ConfigType;

// What stands where T was expected may be a secret: the problem is T's own sentence, kRefusal, and
// repeats nothing.
template <class T>
concept RefusedUnrepeated = requires { ConfigType<T>::kRefusal; };

template <>
struct ConfigType<bool> {
  static std::string name() { return "true or false"; }
  static std::string noun() { return "true or false"; }
  static std::string example() { return {}; }
  static std::optional<bool> from(const ConfigNode& node);
  static std::string show(bool value) { return value ? "true" : "false"; }
};

template <std::integral Number>
struct ConfigType<Number> {
  static std::string name() { return "whole number"; }
  static std::string noun() { return "a whole number"; }
  static std::string example() { return {}; }
  static std::optional<Number> from(const ConfigNode& node) {
    if (node.kind != ConfigNode::Kind::integer) return std::nullopt;
    if (!std::in_range<Number>(node.integer)) return std::nullopt;
    return static_cast<Number>(node.integer);
  }
  static std::string show(Number value) { return std::to_string(value); }
};

template <>
struct ConfigType<double> {
  static std::string name() { return "number"; }
  static std::string noun() { return "a number"; }
  static std::string example() { return {}; }
  static std::optional<double> from(const ConfigNode& node);
  static std::string show(double value);
};

template <>
struct ConfigType<std::string> {
  static std::string name() { return "text"; }
  static std::string noun() { return "text of at most 4096 bytes, without control characters"; }
  static std::string example() { return {}; }
  static std::optional<std::string> from(const ConfigNode& node);
  static std::string show(const std::string& value) { return quote_config_text(value); }
};

std::string with_article(std::string_view noun);                  // "a size"
std::string list_names(std::span<const std::string_view> names);  // `"text" or "json"`

template <class Enum>
  requires std::is_enum_v<Enum>
struct ConfigType<Enum> {
  static std::string name() { return list_names(ConfigNames<Enum>::kNames); }
  static std::string noun() { return name(); }
  static std::string example() { return {}; }
  static std::optional<Enum> from(const ConfigNode& node) {
    if (node.kind != ConfigNode::Kind::text) return std::nullopt;
    for (std::size_t i = 0; i < ConfigNames<Enum>::kNames.size(); ++i) {
      if (ConfigNames<Enum>::kNames[i] == node.text) return static_cast<Enum>(i);
    }
    return std::nullopt;
  }
  static std::string show(Enum value) {
    return quote_config_text(ConfigNames<Enum>::kNames[static_cast<std::size_t>(value)]);
  }
};

template <WrittenAsText T>
struct ConfigType<T> {
  static std::string name() { return std::string(ConfigText<T>::kName); }
  static std::string noun() { return with_article(ConfigText<T>::kName); }
  static std::string example() { return quote_config_text(ConfigText<T>::kExample); }
  static std::optional<T> from(const ConfigNode& node) {
    if (node.kind != ConfigNode::Kind::text) return std::nullopt;
    if (node.text.size() > kConfigTextBytesMax) return std::nullopt;
    return ConfigText<T>::parse(node.text);
  }
  static std::string show(const T& value) { return quote_config_text(ConfigText<T>::show(value)); }
};

}  // namespace sluice
