// UserKeyOptions: the keys of [[user]] as options of `sluice user add`, checked as those of a file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/config_document.h"
#include "core/error.h"
#include "relay/user.h"

namespace CLI {
class App;
}

namespace sluice::commands {

class UserKeyOptions {
 public:
  void add_to(CLI::App& command);
  // The user that the options describe, without a password. An Error names every wrong option.
  Result<relay::UserSettings> read(const std::string& name) const;

 private:
  enum class Form : std::uint8_t { text, list };
  struct Text {
    std::string option;
    std::string key;
    Form form;
    std::vector<std::string> values;
  };

  void add_option(CLI::App& command, Text text, const char* help);
  ConfigNode document() const;

  std::vector<std::unique_ptr<Text>> texts_;  // where they are, the parser writes
  std::optional<std::int64_t> recipients_;
  bool has_null_sender_ = false;
  bool is_disabled_ = false;
};

}  // namespace sluice::commands
