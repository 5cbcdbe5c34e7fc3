#include "commands/control_options.h"

#include <CLI/CLI.hpp>

#include "relay/config.h"

namespace sluice::commands {

std::shared_ptr<ControlOptions> add_control_options(CLI::App& command) {
  auto options = std::make_shared<ControlOptions>();
  command.add_option("--socket", options->socket, "Control socket of the relay.");
  command.add_option("--config", options->config_file, "Configuration file of the relay.");
  command.add_option("--spool", options->spool, "Spool of a relay without a file.");
  return options;
}

Result<std::string> control_socket(const ControlOptions& options) {
  if (!options.socket.empty()) return options.socket;
  if (!options.config_file.empty()) {
    relay::CommandLineSettings settings;
    settings.config_file = options.config_file;
    SLUICE_TRY(config, relay::load_config(settings));
    return config->admin.socket;
  }
  return relay::default_control_socket(options.spool.empty() ? relay::RelayConfig().spool
                                                             : options.spool);
}

}  // namespace sluice::commands
