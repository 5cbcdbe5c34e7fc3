// `sluice tenant`: what the tenants use of the node, and the switch that suspends one.
#pragma once

#include "commands/exit_status.h"

namespace CLI {
class App;
}

namespace sluice::commands {

void add_tenant_command(CLI::App& app, ExitStatus& status);

}  // namespace sluice::commands
