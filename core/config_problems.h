// ConfigProblems: everything that is wrong with a configuration, so that it is told at once.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config_document.h"

namespace sluice {

struct ConfigProblem {
  ConfigPlace place;
  std::string key;       // "route[0].connections"; empty: none
  std::string sentence;  // "found 0, expected a whole number from 1 to 1000"

  // "sluice.toml:14:15: route[0].connections: found 0, expected a whole number from 1 to 1000"
  std::string to_string() const;
};

class ConfigProblems {
 public:
  static constexpr std::size_t kProblemsMax = 100;  // further ones are only counted

  void add(ConfigPlace place, std::string key, std::string sentence);
  // "found ..., expected ...", at the node.
  void add_found(const ConfigNode& node, std::string key, std::string_view expected);

  bool empty() const { return problems_.empty(); }
  // Whether the key, something inside it or something around it has a problem: then a rule that
  // compares it with another key would only repeat that.
  bool concern(std::string_view key) const;
  // Whether some text could not be read at all: then what is absent may have been written there.
  bool leave_gaps() const;
  // In the order of the files and of the lines in them.
  std::vector<ConfigProblem> sorted() const;

 private:
  std::vector<ConfigProblem> problems_;
  std::size_t further_ = 0;
};

// One per line.
std::string join_problems(std::span<const ConfigProblem> problems);

}  // namespace sluice
