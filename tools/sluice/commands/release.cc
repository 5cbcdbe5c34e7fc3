#include "commands/release.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "commands/control_options.h"
#include "commands/relay_question.h"

namespace sluice::commands {
namespace {

Result<void> release(const ControlOptions& options) {
  relay::ControlRequest request;
  request.command = relay::ControlCommand::release;
  SLUICE_TRY(line, ask_relay(options, request));
  if (auto answer = parse_answer(line); !answer) return std::unexpected(std::move(answer).error());
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
