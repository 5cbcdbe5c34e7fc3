// Paths of the configuration's keys: `limits.memory`, `route[0].smart_hosts`. Taken apart, put
// together. Pure text: it knows no values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// One step of a path: `route[0].smart_hosts` is {route, 0}, {smart_hosts}.
struct ConfigStep {
  std::string name;
  std::optional<std::size_t> index;
};

// Nothing when the text is no path.
std::optional<std::vector<ConfigStep>> parse_config_path(std::string_view text);

// "limits" + "memory" and "route" + 0; `path` is empty for the whole document.
std::string config_key_in(const std::string& path, std::string_view name);
std::string config_key_at(const std::string& path, std::size_t index);

// Whether TOML takes the text for a key without quotes: letters, digits, "_" and "-".
bool is_bare_config_name(std::string_view text);

}  // namespace sluice
