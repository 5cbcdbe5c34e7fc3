// config_line: what a line of a configuration file may hold before toml++ sees it.
//
// toml++ 3.3 takes control characters in comments, and nests dotted keys as deep as a line is long.
// Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace sluice {

inline constexpr std::size_t kConfigLineBytesMax = 16 << 10;
inline constexpr std::size_t kConfigLineDotsMax = 64;  // outside strings and comments

struct ConfigLineFault {
  std::size_t at;                // of its first byte
  std::string_view expectation;  // "found ..., expected ..."
};

// The first thing that the parser must not see, if there is one. `line` has no LF.
std::optional<ConfigLineFault> find_line_fault(std::string_view line);

}  // namespace sluice
