#include "commands/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

namespace sluice::commands {

namespace {

// The innermost subcommand that was named: `sluice config reference` gives "reference".
const CLI::App& innermost(const CLI::App& app) {
  const CLI::App* current = &app;
  while (!current->get_subcommands().empty()) current = current->get_subcommands().front();
  return *current;
}

std::string full_name(const CLI::App& app) {
  if (app.get_parent() == nullptr) return app.get_name();
  return full_name(*app.get_parent()) + " " + app.get_name();
}

std::vector<std::string> names_of_subcommands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(subcommand->get_name());
  }
  return names;
}

// What is wrong, and where to read what would be right.
int explain(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = innermost(app);
  const auto names = names_of_subcommands(command);
  const auto extras = app.remaining(true);
  const std::string name = full_name(command);
  const bool is_unknown_command = !names.empty() && !extras.empty() && !extras[0].starts_with('-');
  if (is_unknown_command) {
    fmt::print(stderr, "{}: there is no command \"{}\"; the commands are {}\n", name, extras[0],
               fmt::join(names, ", "));
  } else {
    fmt::print(stderr, "{}: {}\n", name, error.what());
  }
  fmt::print(stderr, "`{} --help` says more.\n", name);
  return kExitUsage;
}

}  // namespace

int run_command_line(CLI::App& app, const ExitStatus& status, int argc, const char* const* argv) {
  app.set_version_flag("--version", "sluice " SLUICE_VERSION);
  app.footer("`sluice COMMAND --help` explains a command and gives an example.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::RuntimeError& failure) {
    return failure.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return explain(app, error);
  }
  const CLI::App& command = innermost(app);
  const bool needs_subcommand = !names_of_subcommands(command).empty();
  const auto* const parent = command.get_parent();
  if (needs_subcommand) fmt::print("{}", command.help(parent ? full_name(*parent) : ""));
  return status.value;
}

}  // namespace sluice::commands
