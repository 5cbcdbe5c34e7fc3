// How a command finds the running relay: --socket, --config, --spool.
#pragma once

#include <memory>
#include <string>

#include "core/error.h"

namespace CLI {
class App;
}

namespace sluice::commands {

struct ControlOptions {
  std::string socket;
  std::string config_file;
  std::string spool;
};

// Adds the three options; the values are there when the command runs.
std::shared_ptr<ControlOptions> add_control_options(CLI::App& command);

// The path of the control socket. Without any option that of a relay on defaults.
Result<std::string> control_socket(const ControlOptions& options);

}  // namespace sluice::commands
