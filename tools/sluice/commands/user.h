// `sluice user add|remove|list|hash|rotate|enable|disable`: edits the file of users.
#pragma once

#include "commands/exit_status.h"

namespace CLI {
class App;
}

namespace sluice::commands {

void add_user_command(CLI::App& app, ExitStatus& status);

}  // namespace sluice::commands
