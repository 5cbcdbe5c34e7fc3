#include "commands/version.h"

#include <CLI/CLI.hpp>
#include <cstdio>

namespace sluice::commands {

void add_version_command(CLI::App& app) {
  auto* const command = app.add_subcommand("version", "Print the version and exit.");
  command->footer("Example:\n  sluice version");
  command->callback([] { std::puts("sluice " SLUICE_VERSION); });
}

}  // namespace sluice::commands
