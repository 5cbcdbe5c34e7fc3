// The relay answers in JSON; --json prints that, else it becomes text for people. Answers come from
// our own relay, perhaps of another version: what is missing is shown as empty, never trusted.
#include "commands/queue.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "commands/answer_fields.h"
#include "commands/cell_text.h"
#include "commands/control_options.h"
#include "commands/relay_question.h"
#include "commands/text_table.h"

namespace sluice::commands {
namespace {

using Json = nlohmann::ordered_json;
using Align = TextTable::Align;

struct QueueOptions {
  std::shared_ptr<ControlOptions> control;
  relay::ControlRequest request;
  bool as_json = false;
};

bool is_true(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && *found == true;
}

std::string wait_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  const bool is_number = found != object.end() && found->is_number_integer();
  return is_number ? show_wait(found->get<long long>()) : "-";
}

std::string age_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  const bool is_number = found != object.end() && found->is_number_integer();
  return is_number ? show_age(found->get<long long>()) : "-";
}

constexpr std::size_t kReasonBytesMax = 100;

// "route backoff (127.0.0.1:25: connection refused)"
std::string reason_of(const Json& object) {
  std::string name = text_at(object, "waits_for");
  const auto detail = object.find("detail");
  const bool has_detail = detail != object.end() && detail->is_string() && *detail != "";
  if (!has_detail) return name;
  return shorten(fmt::format("{} ({})", name, detail->get<std::string>()), kReasonBytesMax);
}

// "127.0.0.1[127.0.0.1]:25: 450 4.2.1 mailbox busy"
std::string last_reply_of(const Json& envelope) {
  const Json& attempt = object_at(envelope, "last_attempt");
  if (attempt.empty()) return "-";
  return shorten(text_at(attempt, "host") + ": " + text_at(attempt, "reply"), kReasonBytesMax);
}

void print_summary(const Json& answer) {
  const Json& relay = object_at(answer, "relay");
  const bool is_held = text_at(relay, "delivery") == "held";
  fmt::print("{} (sluice {}) is {}, {} shards{}\n\n", text_at(relay, "hostname"),
             text_at(relay, "version"), text_at(relay, "phase"), text_at(relay, "shards"),
             is_held ? "; delivery is held until `sluice release`" : "");
  TextTable table({{"QUEUE"},
                   {"ROUTE"},
                   {"READY", Align::right},
                   {"SCHEDULED", Align::right},
                   {"IN FLIGHT", Align::right},
                   {"NEXT ATTEMPT"},
                   {"WAITS FOR"}});
  for (const Json& queue : list_at(answer, "queues")) {
    table.add({text_at(queue, "queue"), text_at(queue, "route"), text_at(queue, "ready"),
               text_at(queue, "scheduled"), text_at(queue, "in_flight"),
               wait_at(queue, "next_attempt_in_seconds"), reason_of(queue)});
  }
  const Json& totals = object_at(answer, "totals");
  table.add({text_at(totals, "queues") + " queues", "", text_at(totals, "ready"),
             text_at(totals, "scheduled"), text_at(totals, "in_flight"), "", ""});
  fmt::print("{}\nRecipients since the spool was made:\n", table.to_string());
  TextTable recipients(
      {{"  RECEIVED"}, {"DELIVERED"}, {"BOUNCED"}, {"EXPIRED"}, {"QUARANTINED"}, {"QUEUED"}});
  const Json& counts = object_at(answer, "accounting");
  recipients.add({"  " + text_at(counts, "received"), text_at(counts, "delivered"),
                  text_at(counts, "bounced"), text_at(counts, "expired"),
                  text_at(counts, "quarantined"), text_at(counts, "queued")});
  fmt::print("{}", recipients.to_string());
}

void print_list(const Json& answer) {
  TextTable table({{"MESSAGE"},
                   {"QUEUE"},
                   {"AGE", Align::right},
                   {"RECIPIENTS", Align::right},
                   {"ATTEMPTS", Align::right},
                   {"NEXT ATTEMPT"},
                   {"EXPIRES"},
                   {"WAITS FOR"},
                   {"LAST REPLY"}});
  for (const Json& envelope : list_at(answer, "envelopes")) {
    const bool is_flying = text_at(envelope, "state") == "in flight";
    table.add({text_at(envelope, "id"), text_at(envelope, "queue"), age_at(envelope, "age_seconds"),
               text_at(envelope, "recipients_pending"), text_at(envelope, "attempts"),
               is_flying ? "in flight" : wait_at(envelope, "next_attempt_in_seconds"),
               wait_at(envelope, "expires_in_seconds"), reason_of(envelope),
               last_reply_of(envelope)});
  }
  fmt::print("{}", table.to_string());
  if (is_true(answer, "is_complete")) return;
  fmt::print("There are more: --limit shows more of them, --domain those of one domain.\n");
}

void print_envelope(const Json& envelope) {
  const bool is_flying = text_at(envelope, "state") == "in flight";
  fmt::print("\nQueue {}, route {}\n", text_at(envelope, "queue"), text_at(envelope, "route"));
  fmt::print("  next attempt  {} ({}), after {} attempts\n",
             is_flying ? "in flight" : wait_at(envelope, "next_attempt_in_seconds"),
             text_at(envelope, "next_attempt"), text_at(envelope, "attempts"));
  fmt::print("  waits for     {}\n", reason_of(envelope));
  fmt::print("  expires       {} ({})\n", wait_at(envelope, "expires_in_seconds"),
             text_at(envelope, "expires"));
  for (const Json& recipient : list_at(envelope, "recipients")) {
    fmt::print("  {:<13} {}\n", text_at(recipient, "state"), text_at(recipient, "address"));
  }
  for (const Json& attempt : list_at(envelope, "last_attempts")) {
    fmt::print("  attempt       {}  {}\n                {}\n", text_at(attempt, "time"),
               text_at(attempt, "host"), text_at(attempt, "reply"));
  }
}

void print_message(const Json& answer) {
  fmt::print("Message   {}\nFrom      <{}>\nReceived  {} from {}\nBody      {} bytes, {}\n",
             text_at(answer, "id"), text_at(answer, "from"), text_at(answer, "received"),
             text_at(answer, "client"), text_at(answer, "bytes"), text_at(answer, "body"));
  for (const Json& envelope : list_at(answer, "envelopes")) print_envelope(envelope);
}

Result<void> ask_and_print(const QueueOptions& options) {
  SLUICE_TRY(line, ask_relay(*options.control, options.request));
  SLUICE_TRY(answer, parse_answer(line));
  if (options.as_json) {
    fmt::print("{}\n", line);
    return {};
  }
  switch (options.request.command) {
    case relay::ControlCommand::queue_list:
      print_list(answer);
      break;
    case relay::ControlCommand::queue_show:
      print_message(answer);
      break;
    default:
      print_summary(answer);
  }
  return {};
}

// What the three commands have alike.
std::shared_ptr<QueueOptions> prepare(CLI::App& command, relay::ControlCommand what,
                                      ExitStatus& status) {
  auto options = std::make_shared<QueueOptions>();
  options->request.command = what;
  options->control = add_control_options(command);
  command.add_flag("--json", options->as_json, "Print the answer as JSON, on one line.");
  command.callback([options, &status] {
    auto done = ask_and_print(*options);
    if (done) return;
    fmt::print(stderr, "sluice queue: {}\n", done.error().sentence());
    status.value = kExitFailed;
  });
  return options;
}

void add_limit(CLI::App& command, QueueOptions& options, const char* help) {
  command.add_option("--limit", options.request.limit, help)
      ->check(CLI::Range(std::uint64_t{1}, relay::kControlRowsMax))
      ->capture_default_str();
}

}  // namespace

void add_queue_command(CLI::App& app, ExitStatus& status) {
  auto* const queue = app.add_subcommand("queue", "Show what is queued, and why it waits.");

  auto* const list = queue->add_subcommand("list", "List queued envelopes, the next due first.");
  const auto listed = prepare(*list, relay::ControlCommand::queue_list, status);
  add_limit(*list, *listed, "Envelopes to list, at most.");
  list->add_option("--domain", listed->request.domain, "Only those for this recipient domain.");
  list->footer("Example:\n  sluice queue list --domain example.com --limit 20");

  auto* const show = queue->add_subcommand("show", "Show a message: recipients, attempts, waits.");
  const auto shown = prepare(*show, relay::ControlCommand::queue_show, status);
  show->add_option("ID", shown->request.id, "The id of \"250 Ok: queued as ID\".")->required();
  show->footer("Example:\n  sluice queue show 01JB2M4Q7Z8X9Y0V1W2T3S4R5Q");

  auto* const summary = queue->add_subcommand("summary", "Show every queue in one line, and sums.");
  const auto summed = prepare(*summary, relay::ControlCommand::queue_summary, status);
  add_limit(*summary, *summed, "Queues to show, at most; the fullest come first.");
  summary->footer("Example:\n  sluice queue summary --json");
}

}  // namespace sluice::commands
