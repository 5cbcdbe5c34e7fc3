// ConfigNode: a configuration as a tree of values, each with the place where it was written.
//
// What the file's syntax (config_file) gives and the declared keys (config_schema) take. It knows
// no syntax and no keys. A plain value; owned by whoever reads a configuration.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/config_path.h"

namespace sluice {

// Where something was written: a line and column of a file, or an option of the command line.
struct ConfigPlace {
  std::string source;      // "/etc/sluice/sluice.toml", "--set limits.memory"; empty: nowhere
  std::uint32_t line = 0;  // 0: the source as a whole
  std::uint32_t column = 0;

  std::string to_string() const;  // "/etc/sluice/sluice.toml:14:15"
};

struct ConfigEntry;

struct ConfigNode {
  enum class Kind : std::uint8_t { boolean, integer, real, text, moment, list, table };

  Kind kind = Kind::table;
  ConfigPlace place;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;                  // also of a moment: a date or time, which no key takes
  std::vector<ConfigNode> items;     // of a list
  std::vector<ConfigEntry> entries;  // of a table, each name once

  static ConfigNode of_text(std::string text, ConfigPlace place);
  static ConfigNode of_list(ConfigPlace place);
  static ConfigNode of_table(ConfigPlace place);

  // What an error says was found: `"abc"`, `42`, `a table`.
  std::string describe() const;
  bool is_list_of_tables() const;

  const ConfigNode* find(std::string_view name) const;  // in a table; null when it is not there
  ConfigNode* find(std::string_view name);
  ConfigNode& add(std::string name, ConfigNode value);  // to a table that lacks the name
};

// The name stands where the value of a `key = value` does not: in front of it.
struct ConfigEntry {
  std::string name;
  ConfigPlace place;
  ConfigNode value;
};

// Where the value at `path` was written, or the innermost table around it that was.
ConfigPlace place_of(const ConfigNode& root, std::string_view path);

// Text as TOML writes it, between quotes and on one line.
std::string quote_config_text(std::string_view text);

}  // namespace sluice
