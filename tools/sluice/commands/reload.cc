#include "commands/reload.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "commands/answer_fields.h"
#include "commands/control_options.h"
#include "commands/relay_question.h"
#include "commands/text_table.h"

namespace sluice::commands {
namespace {

using Json = nlohmann::ordered_json;

struct ReloadOptions {
  std::shared_ptr<ControlOptions> control;
  bool is_dry_run = false;
  bool as_json = false;
};

void print_report(const Json& answer, bool is_dry_run) {
  const Json& changes = list_at(answer, "changes");
  if (changes.empty()) {
    fmt::print("Nothing has changed.\n");
    return;
  }
  TextTable table({{"KEY"}, {"BEFORE"}, {"AFTER"}, {"TAKES EFFECT"}});
  for (const Json& change : changes) {
    table.add({text_at(change, "key"), text_at(change, "before"), text_at(change, "after"),
               text_at(change, "takes_effect")});
  }
  fmt::print("{}{}", table.to_string(),
             is_dry_run ? "This was only tried: without --dry-run it is done.\n" : "");
}

Result<void> reload(const ReloadOptions& options) {
  relay::ControlRequest request;
  request.command = relay::ControlCommand::reload;
  request.is_dry_run = options.is_dry_run;
  SLUICE_TRY(line, ask_relay(*options.control, request));
  SLUICE_TRY(answer, parse_answer(line));
  if (options.as_json) {
    fmt::print("{}\n", line);
  } else {
    print_report(answer, options.is_dry_run);
  }
  return {};
}

}  // namespace

void add_reload_command(CLI::App& app, ExitStatus& status) {
  auto* const command =
      app.add_subcommand("reload", "Let the running relay take its changed configuration over.");
  auto options = std::make_shared<ReloadOptions>();
  options->control = add_control_options(*command);
  command->add_flag("--dry-run", options->is_dry_run, "Say what would change, and change nothing.");
  command->add_flag("--json", options->as_json, "Print the answer as JSON, on one line.");
  command->footer(
      "The files with which the relay was started are read again, certificates too; a file that "
      "is\n"
      "wrong changes nothing. Sessions in progress end under the old configuration. SIGHUP does "
      "the\n"
      "same. Keys that wait for a restart are told.\n"
      "Example:\n  sluice reload --dry-run");
  command->callback([options, &status] {
    auto done = reload(*options);
    if (done) return;
    fmt::print(stderr, "sluice reload: {}\n", done.error().sentence());
    status.value = kExitFailed;
  });
}

}  // namespace sluice::commands
