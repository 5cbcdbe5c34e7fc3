// `sluice drain`: lets the running relay deliver what is queued, and then end.
#pragma once

#include "commands/exit_status.h"

namespace CLI {
class App;
}

namespace sluice::commands {

void add_drain_command(CLI::App& app, ExitStatus& status);

}  // namespace sluice::commands
