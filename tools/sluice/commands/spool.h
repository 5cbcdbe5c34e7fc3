// `sluice spool verify DIR`: proves that a spool is sound, or says what is damaged, without a
// relay.
#pragma once

#include "commands/exit_status.h"

namespace CLI {
class App;
}

namespace sluice::commands {

void add_spool_command(CLI::App& app, ExitStatus& status);

}  // namespace sluice::commands
