// `sluice queue list|show|summary`: what the running relay holds, and why it waits.
#pragma once

#include "commands/exit_status.h"

namespace CLI {
class App;
}

namespace sluice::commands {

void add_queue_command(CLI::App& app, ExitStatus& status);

}  // namespace sluice::commands
