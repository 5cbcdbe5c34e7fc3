// `sluice check FILE`: says everything that is wrong with a configuration, without starting.
#pragma once

#include "commands/exit_status.h"

namespace CLI {
class App;
}

namespace sluice::commands {

void add_check_command(CLI::App& app, ExitStatus& status);

}  // namespace sluice::commands
