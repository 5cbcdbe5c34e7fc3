// `sluice serve`: runs the relay.
#pragma once

#include "commands/exit_status.h"

namespace CLI {
class App;
}

namespace sluice::commands {

void add_serve_command(CLI::App& app, ExitStatus& status);

}  // namespace sluice::commands
