#include "core/config_file.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "core/config_line.h"
#include "core/config_reader.h"
#include "core/config_value.h"
#include "core/error.h"

// toml++ 3.3 asserts that no list has a '}' for a value, `[}`, and assumes it in release builds.
// Its asserts throw this instead, in every build, and parse_toml() makes a syntax error of it.
struct TomlParserGaveUp {};
#undef NDEBUG
#define TOML_ASSERT(condition) ((condition) ? void() : throw TomlParserGaveUp())
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace sluice {

namespace {

ConfigPlace place_at(const std::string& source, const toml::source_position& position) {
  return {source, static_cast<std::uint32_t>(position.line),
          static_cast<std::uint32_t>(position.column)};
}

ConfigNode convert(const toml::node& from, const std::string& source);

void convert_table(const toml::table& from, const std::string& source, ConfigNode& to) {
  to.kind = ConfigNode::Kind::table;
  for (const auto& [key, value] : from) {
    to.entries.emplace_back(std::string(key.str()), place_at(source, key.source().begin),
                            convert(value, source));
  }
}

void convert_moment(const toml::node& from, ConfigNode& to) {
  std::ostringstream text;
  if (const auto* date = from.as_date()) text << date->get();
  if (const auto* time = from.as_time()) text << time->get();
  if (const auto* both = from.as_date_time()) text << both->get();
  to.kind = ConfigNode::Kind::moment;
  to.text = text.str();
}

// As deep as the text nests, which toml++ and kConfigLineDotsMax bound.
ConfigNode convert(const toml::node& from, const std::string& source) {
  ConfigNode to;
  to.place = place_at(source, from.source().begin);
  if (const auto* table = from.as_table()) {
    convert_table(*table, source, to);
  } else if (const auto* list = from.as_array()) {
    to.kind = ConfigNode::Kind::list;
    for (const toml::node& item : *list) to.items.push_back(convert(item, source));
  } else if (const auto* text = from.as_string()) {
    to.kind = ConfigNode::Kind::text;
    to.text = text->get();
  } else if (const auto* integer = from.as_integer()) {
    to.kind = ConfigNode::Kind::integer;
    to.integer = integer->get();
  } else if (const auto* real = from.as_floating_point()) {
    to.kind = ConfigNode::Kind::real;
    to.real = real->get();
  } else if (const auto* boolean = from.as_boolean()) {
    to.kind = ConfigNode::Kind::boolean;
    to.boolean = boolean->get();
  } else {
    convert_moment(from, to);
  }
  return to;
}

// Nothing when the parser gave up.
std::optional<toml::parse_result> parse_toml(std::string_view text) {
  try {
    return toml::parse(text);
  } catch (const TomlParserGaveUp&) {
    return std::nullopt;
  }
}

// The line that made the parser give up: the first one without which it does not.
std::uint32_t line_of_giving_up(std::string_view text) {
  std::uint32_t line = 1;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1)) {
    if (!parse_toml(text.substr(0, end))) return line;
    ++line;
  }
  return line;
}

// Reports the first line that the parser must not see; true when there is one.
bool refuse_line(std::string_view text, const std::string& source, ConfigProblems& problems) {
  for (std::uint32_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.size() > kConfigLineBytesMax) {
      problems.add(
          {source, number, 1}, {},
          fmt::format("found a longer line, expected at most {} bytes", kConfigLineBytesMax));
      return true;
    }
    if (const auto fault = find_line_fault(line)) {
      problems.add({source, number, static_cast<std::uint32_t>(fault->at) + 1}, {},
                   std::string(fault->expectation));
      return true;
    }
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return false;
}

Result<std::string> read_text(const std::string& path, ByteCount bytes_max) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             &std::fclose);
  if (file == nullptr) return std::unexpected(system_error("cannot be read", errno));

  std::string text(bytes_max.value() + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return std::unexpected(system_error("cannot be read", errno));
  if (ByteCount(text.size()) > bytes_max) {
    return fail(
        ErrorCode::limit_exceeded,
        fmt::format("found more than {}, expected a configuration file", show_size(bytes_max)));
  }
  return text;
}

ConfigNode read_one_file(const std::string& path, ConfigProblems& problems) {
  return read_plain_config_file(path, ByteCount(kConfigFileBytesMax), problems);
}

// The files that a pattern matches, sorted.
std::vector<std::string> matches_of(const std::string& pattern) {
  ::glob_t found{};
  const std::unique_ptr<::glob_t, void (*)(::glob_t*)> owner(&found, &::globfree);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glob() reads the environment, which nobody changes
  if (::glob(pattern.c_str(), 0, nullptr, &found) != 0) return {};
  return {found.gl_pathv, found.gl_pathv + found.gl_pathc};
}

bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;  // a file that cannot be examined is another one
  return std::filesystem::equivalent(a, b, ignored);
}

// Every file of `include` once, without the main file, which a pattern may match too.
std::vector<std::string> included_files(const ConfigNode& include, const std::string& main_path,
                                        ConfigProblems& problems) {
  std::vector<std::string> files;
  const auto directory = std::filesystem::path(main_path).parent_path();
  for (const ConfigNode& item : config_items_of(include, "include", problems)) {
    if (item.kind != ConfigNode::Kind::text) continue;  // the reader of the keys reports it
    const auto matches = matches_of((directory / item.text).string());
    const bool is_pattern = item.text.find_first_of("*?[") != std::string::npos;
    if (matches.empty() && !is_pattern) {
      problems.add_found(item, "include", "a file that exists or a pattern");
    }
    for (const std::string& file : matches) {
      const bool is_known = std::ranges::find(files, file) != files.end();
      if (!is_known && !is_same_file(file, main_path)) files.push_back(file);
    }
  }
  if (files.size() > kConfigFilesMax) {
    problems.add(include.place, "include",
                 fmt::format("found {} files, expected at most {}", files.size(), kConfigFilesMax));
    files.resize(kConfigFilesMax);
  }
  return files;
}

}  // namespace

ConfigNode read_plain_config_file(const std::string& path, ByteCount bytes_max,
                                  ConfigProblems& problems) {
  const auto text = read_text(path, bytes_max);
  if (text) return parse_config_text(*text, path, problems);
  problems.add({path}, {}, text.error().sentence());
  return ConfigNode::of_table({path});
}

ConfigNode parse_config_text(std::string_view text, const std::string& source,
                             ConfigProblems& problems) {
  ConfigNode root = ConfigNode::of_table({source});
  if (refuse_line(text, source, problems)) return root;
  const auto parsed = parse_toml(text);
  if (!parsed) {
    problems.add({source, line_of_giving_up(text), 1}, {}, "found a list with a '}' for a value");
    return root;
  }
  if (!*parsed) {
    const toml::parse_error& error = parsed->error();
    problems.add(place_at(source, error.source().begin), {}, std::string(error.description()));
    return root;
  }
  convert_table(parsed->table(), source, root);
  return root;
}

void merge_config(ConfigNode& into, ConfigNode from, const std::string& path,
                  ConfigProblems& problems) {
  for (ConfigEntry& entry : from.entries) {
    const std::string key = config_key_in(path, entry.name);
    const auto existing = std::ranges::find(into.entries, entry.name, &ConfigEntry::name);
    if (existing == into.entries.end()) {
      into.entries.push_back(std::move(entry));
      continue;
    }
    ConfigNode& value = existing->value;
    using enum ConfigNode::Kind;
    if (value.kind == table && entry.value.kind == table) {
      merge_config(value, std::move(entry.value), key, problems);
    } else if (value.is_list_of_tables() && entry.value.is_list_of_tables()) {
      std::ranges::move(entry.value.items, std::back_inserter(value.items));
    } else {
      problems.add(entry.place, key,
                   fmt::format("set twice, first at {}", existing->place.to_string()));
    }
  }
}

ConfigNode read_config_file(const std::string& path, ConfigProblems& problems) {
  ConfigNode root = read_one_file(path, problems);
  const ConfigNode* const include = root.find("include");
  if (include == nullptr) return root;

  for (const std::string& file : included_files(*include, path, problems)) {
    ConfigNode part = read_one_file(file, problems);
    const auto nested = std::ranges::find(part.entries, "include", &ConfigEntry::name);
    if (nested != part.entries.end()) {
      problems.add(nested->place, "include", "expected only in the main file");
      part.entries.erase(nested);
    }
    merge_config(root, std::move(part), {}, problems);
  }
  return root;
}

}  // namespace sluice
