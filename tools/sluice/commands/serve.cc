#include "commands/serve.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <utility>

#include "relay/config.h"
#include "relay/relay.h"

namespace sluice::commands {
namespace {

constexpr const char* kExample =
    "Examples:\n"
    "  sluice serve --listen 127.0.0.1:2525 --smart-host 127.0.0.1:2526 --spool /tmp/sluice/spool\n"
    "  sluice serve --config /etc/sluice/sluice.toml\n"
    "SIGTERM and Ctrl-C stop it in order, a second one at once; SIGHUP reopens its log file.";

struct ServeOptions {
  relay::CommandLineSettings settings;
  bool holds_delivery = false;
};

Result<void> serve(const ServeOptions& options) {
  SLUICE_TRY(config, relay::load_config(options.settings));
  const auto delivery =
      options.holds_delivery ? relay::DeliveryStart::held : relay::DeliveryStart::at_once;
  auto load = [settings = options.settings] { return relay::load_config(settings); };
  SLUICE_TRY(opened, relay::Relay::open(std::move(config), delivery, std::move(load)));
  opened->run();
  return {};
}

}  // namespace

void add_serve_command(CLI::App& app, ExitStatus& status) {
  auto* const command = app.add_subcommand("serve", "Run the relay until it is stopped.");
  auto options = std::make_shared<ServeOptions>();
  relay::CommandLineSettings* const settings = &options->settings;
  command->add_option("--config", settings->config_file, "Configuration file (TOML).");
  command->add_option("--listen", settings->listen,
                      "ADDRESS:PORT to receive mail on; may be given several times.");
  command->add_option("--smart-host", settings->smart_hosts,
                      "HOST:PORT to send all mail to; several are tried in their order.");
  command->add_option("--allow", settings->allow,
                      "Network (CIDR) that may relay through the --listen addresses; may be given "
                      "several times. Default: loopback, if only loopback is listened on.");
  command->add_option("--spool", settings->spool, "Directory of the spool.");
  command->add_option("--shards", settings->shards, "Threads; 0: one per core.");
  command->add_option("--hostname", settings->hostname, "Our name in SMTP.");
  command->add_option("--set", settings->set,
                      "KEY=VALUE for any key of the configuration; may be given several times.");
  command->add_flag("--hold-delivery", options->holds_delivery,
                    "Take and queue mail, but send none until `sluice release`.");
  command->footer(kExample);
  command->callback([options, &status] {
    auto served = serve(*options);
    if (served) return;
    fmt::print(stderr, "sluice serve: {}\n", served.error().sentence());
    status.value = kExitFailed;
  });
}

}  // namespace sluice::commands
