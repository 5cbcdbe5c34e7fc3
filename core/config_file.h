// Reading TOML files into a ConfigNode: syntax, the files named by `include`, and their merging.
//
// Tables merge, lists of tables ([[route]]) follow each other, and a key that is set twice is a
// problem that names both places. Knows no keys but `include`.
#pragma once

#include <string>
#include <string_view>

#include "core/config_document.h"
#include "core/config_problems.h"
#include "core/units.h"

namespace sluice {

inline constexpr std::size_t kConfigFileBytesMax = 1 << 20;
inline constexpr std::size_t kConfigFilesMax = 1000;

// The file and then, in the order of their names, the files that its `include` patterns match;
// they are relative to the file's directory and may not include others.
ConfigNode read_config_file(const std::string& path, ConfigProblems& problems);

// One file of at most so many bytes, whose `include` is a key like others.
ConfigNode read_plain_config_file(const std::string& path, ByteCount bytes_max,
                                  ConfigProblems& problems);

// One text. `source` stands for the file's name in places.
ConfigNode parse_config_text(std::string_view text, const std::string& source,
                             ConfigProblems& problems);

// Adds what `from` sets to `into`; both are tables. `path` is their key, empty for whole documents.
void merge_config(ConfigNode& into, ConfigNode from, const std::string& path,
                  ConfigProblems& problems);

}  // namespace sluice
