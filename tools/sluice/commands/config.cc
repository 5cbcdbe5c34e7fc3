#include "commands/config.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "relay/config.h"

namespace sluice::commands {

namespace {

void add_reference_command(CLI::App& config) {
  auto* const command = config.add_subcommand(
      "reference", "Print every key with its type, default, bounds and meaning.");
  const auto is_markdown = std::make_shared<bool>(false);
  command->add_flag("--markdown", *is_markdown, "Print docs/configuration.md.");
  command->footer("Example:\n  sluice config reference | less");
  command->callback([is_markdown] {
    fmt::print("{}", *is_markdown ? relay::config_reference_markdown() : relay::config_reference());
  });
}

void show(const relay::CommandLineSettings& settings, ExitStatus& status) {
  const auto config = relay::load_config(settings);
  if (config) {
    fmt::print("{}", relay::effective_config(**config));
    return;
  }
  fmt::print(stderr, "{}\n", config.error().sentence());
  status.value = kExitFailed;
}

void add_show_command(CLI::App& config, ExitStatus& status) {
  auto* const command = config.add_subcommand(
      "show", "Print the configuration that a start would use, defaults included.");
  const auto settings = std::make_shared<relay::CommandLineSettings>();
  command->add_option("FILE", settings->config_file, "The configuration file.")->required();
  command->add_option("--set", settings->set, "Set a key, as `sluice serve` would.")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->footer("Example:\n  sluice config show /etc/sluice/sluice.toml --set shards=2");
  command->callback([settings, &status] { show(*settings, status); });
}

}  // namespace

void add_config_command(CLI::App& app, ExitStatus& status) {
  auto* const command =
      app.add_subcommand("config", "Explain the configuration's keys, and show their values.");
  add_reference_command(*command);
  add_show_command(*command, status);
  command->footer("Example:\n  sluice config reference");
}

}  // namespace sluice::commands
