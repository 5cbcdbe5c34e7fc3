// `sluice config`: the reference of every key, and the values that a start would use.
#pragma once

#include "commands/exit_status.h"

namespace CLI {
class App;
}

namespace sluice::commands {

void add_config_command(CLI::App& app, ExitStatus& status);

}  // namespace sluice::commands
