#include "commands/release.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands/control_options.h"
#include "relay/control_client.h"

namespace sluice::commands {
namespace {

Result<void> release(const ControlOptions& options) {
  SLUICE_TRY(path, control_socket(options));
  SLUICE_TRY(client, relay::ControlClient::connect(path));
  relay::ControlRequest request;
  request.command = relay::ControlCommand::release;
  if (auto sent = client.send(request); !sent) return sent;
  SLUICE_TRY(line, client.read_line());
  if (!line) return fail(ErrorCode::end_of_stream, "the relay closed without an answer");
  const auto answer = nlohmann::json::parse(*line, nullptr, false);
  const bool is_done = answer.is_object() && answer.contains("ok") && answer["ok"] == true;
  if (!is_done) return fail(ErrorCode::refused, "the relay answered: " + *line);
  fmt::print("The relay delivers what is queued.\n");
  return {};
}

}  // namespace

void add_release_command(CLI::App& app, ExitStatus& status) {
  auto* const command =
      app.add_subcommand("release", "Begin to deliver, after a start with --hold-delivery.");
  const auto options = add_control_options(*command);
  command->footer("Returns 0 also when nothing was held.\nExample:\n  sluice release");
  command->callback([options, &status] {
    auto released = release(*options);
    if (released) return;
    fmt::print(stderr, "sluice release: {}\n", released.error().sentence());
    status.value = kExitFailed;
  });
}

}  // namespace sluice::commands
