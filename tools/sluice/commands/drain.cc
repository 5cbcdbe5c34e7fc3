#include "commands/drain.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "commands/control_options.h"
#include "relay/control_client.h"

namespace sluice::commands {
namespace {

using Json = nlohmann::json;

constexpr Duration kEndTimeMax = std::chrono::minutes(2);  // from the drain's end to the relay's

struct DrainOptions {
  std::shared_ptr<ControlOptions> control;
  std::optional<std::uint64_t> timeout_seconds;
};

// On a terminal the progress stays on one line.
void print_progress(std::uint64_t queued) {
  const bool is_terminal = isatty(STDOUT_FILENO) != 0;
  fmt::print("{}{} recipients queued{}", is_terminal ? "\r\033[K" : "", queued,
             is_terminal ? "" : "\n");
  std::fflush(stdout);
}

// What a drain left in the queue.
struct Left {
  std::uint64_t recipients = 0;
  std::uint64_t held_back = 0;  // of them
};

// Reads progress until the relay says it is over, or is gone.
Result<Left> follow(relay::ControlClient& client) {
  std::uint64_t queued = 0;
  for (;;) {
    SLUICE_TRY(line, client.read_line());
    if (!line) return fail(ErrorCode::end_of_stream, "the relay ended before the drain was over");
    const Json progress = Json::parse(*line, nullptr, false);
    const bool is_refused =
        progress.is_object() && progress.contains("error") && progress["error"].is_string();
    if (is_refused) return fail(ErrorCode::refused, progress["error"].get<std::string>());
    const bool is_good = progress.is_object() && progress.contains("recipients_queued") &&
                         progress["recipients_queued"].is_number_unsigned();
    if (!is_good) return fail(ErrorCode::refused, "the relay answered: " + *line);
    const auto now = progress["recipients_queued"].get<std::uint64_t>();
    if (now != queued) print_progress(now);
    queued = now;
    const bool is_over = progress.contains("is_over") && progress["is_over"] == true;
    if (!is_over) continue;
    const auto stuck = progress.find("recipients_held_back");
    const bool is_told = stuck != progress.end() && stuck->is_number_unsigned();
    return Left{.recipients = queued, .held_back = is_told ? stuck->get<std::uint64_t>() : 0};
  }
}

Result<void> drain(const DrainOptions& options) {
  SLUICE_TRY(path, control_socket(*options.control));
  SLUICE_TRY(client, relay::ControlClient::connect(path));
  relay::ControlRequest request;
  request.command = relay::ControlCommand::drain;
  if (options.timeout_seconds) request.timeout = std::chrono::seconds(*options.timeout_seconds);
  if (auto sent = client.send(request); !sent) return sent;
  fmt::print(
      "The relay takes no more mail, delivers what is queued, and then ends.\n"
      "Ctrl-C ends only this command: the relay goes on draining.\n");
  SLUICE_TRY(left, follow(client));
  if (!relay::ControlClient::wait_until_gone(path, kEndTimeMax)) {
    return fail(ErrorCode::timed_out, "the drain is over, but the relay has not ended yet");
  }
  if (left.recipients == 0) {
    fmt::print("\nEverything is delivered or has ended otherwise; the relay has ended.\n");
    return {};
  }
  std::string sentence = fmt::format(
      "the relay has ended with {} recipients queued; they wait in its spool for the next start",
      left.recipients);
  if (left.held_back > 0) {
    sentence += fmt::format(
        " ({} of them have no route or belong to a suspended tenant: `sluice queue "
        "summary` says which)",
        left.held_back);
  }
  return fail(ErrorCode::timed_out, std::move(sentence));
}

}  // namespace

void add_drain_command(CLI::App& app, ExitStatus& status) {
  auto* const command =
      app.add_subcommand("drain", "Deliver what is queued, then end the running relay.");
  auto options = std::make_shared<DrainOptions>();
  options->control = add_control_options(*command);
  command
      ->add_option("--timeout", options->timeout_seconds,
                   "End after this time even if something is queued (90s, 10m, 2h); default: "
                   "wait for as long as it takes.")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, std::uint64_t>{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}}))
      ->check(CLI::Range(std::uint64_t{0}, relay::kDrainSecondsMax));
  command->footer(
      "Returns 0 when nothing is left. Envelopes that wait for a retry are waited for; those "
      "whose\n"
      "domain no route fits are not, and are told of at the end.\n"
      "Example:\n  sluice drain --timeout 10m");
  command->callback([options, &status] {
    auto drained = drain(*options);
    if (drained) return;
    fmt::print(stderr, "\nsluice drain: {}\n", drained.error().sentence());
    status.value = kExitFailed;
  });
}

}  // namespace sluice::commands
