// The command line as a whole: help, unknown commands, and what the program returns.
#pragma once

#include "commands/exit_status.h"

namespace CLI {
class App;
}

namespace sluice::commands {

// Parses the arguments, runs the subcommand they name, and returns the program's exit status. A
// wrong command line is explained on standard error.
int run_command_line(CLI::App& app, const ExitStatus& status, int argc, const char* const* argv);

}  // namespace sluice::commands
