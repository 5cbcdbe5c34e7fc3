// `sluice release`: a relay that was started with --hold-delivery begins to deliver.
#pragma once

#include "commands/exit_status.h"

namespace CLI {
class App;
}

namespace sluice::commands {

void add_release_command(CLI::App& app, ExitStatus& status);

}  // namespace sluice::commands
