// `sluice reload`: the running relay takes its changed configuration over.
#pragma once

#include "commands/exit_status.h"

namespace CLI {
class App;
}

namespace sluice::commands {

void add_reload_command(CLI::App& app, ExitStatus& status);

}  // namespace sluice::commands
