#include "commands/tenant.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "commands/answer_fields.h"
#include "commands/control_options.h"
#include "commands/relay_question.h"
#include "commands/text_table.h"

namespace sluice::commands {
namespace {

using Json = nlohmann::ordered_json;
using Align = TextTable::Align;
using relay::ControlCommand;
using relay::TenantPart;

struct TenantOptions {
  std::shared_ptr<ControlOptions> control;
  relay::ControlRequest request;
  bool has_reception = false;
  bool has_delivery = false;
  bool as_json = false;
};

// "12 of 500000", "12"
std::string share_at(const Json& tenant, const char* used, const char* most) {
  const std::string limit = text_at(tenant, most);
  return limit == "-" ? text_at(tenant, used) : text_at(tenant, used) + " of " + limit;
}

void print_list(const Json& answer) {
  TextTable table({{"TENANT"},
                   {"RECEPTION"},
                   {"DELIVERY"},
                   {"ACCEPTED TODAY", Align::right},
                   {"QUEUED", Align::right},
                   {"QUEUED BYTES", Align::right}});
  for (const Json& tenant : list_at(answer, "tenants")) {
    table.add({text_at(tenant, "tenant"), text_at(tenant, "reception"), text_at(tenant, "delivery"),
               share_at(tenant, "accepted_today", "quota"),
               share_at(tenant, "queued", "queued_max"),
               share_at(tenant, "queued_bytes", "queued_bytes_max")});
  }
  fmt::print("{}", table.to_string());
}

void print_tenant(const Json& answer) {
  for (const Json& tenant : list_at(answer, "tenants")) {
    fmt::print(
        "Tenant    {}, class {}\n"
        "Reception {}, {} recipients accepted today (UTC)\n"
        "Delivery  {}, {} envelopes queued, {} bytes of the spool\n",
        text_at(tenant, "tenant"), text_at(tenant, "class"), text_at(tenant, "reception"),
        share_at(tenant, "accepted_today", "quota"), text_at(tenant, "delivery"),
        share_at(tenant, "queued", "queued_max"),
        share_at(tenant, "queued_bytes", "queued_bytes_max"));
  }
}

// The parts that the operator named; both where none was.
std::vector<TenantPart> parts_of(const TenantOptions& options) {
  const bool is_told = options.has_reception || options.has_delivery;
  std::vector<TenantPart> parts;
  if (options.has_reception || !is_told) parts.push_back(TenantPart::reception);
  if (options.has_delivery || !is_told) parts.push_back(TenantPart::delivery);
  return parts;
}

// One question for each part; the last answer shows the tenant as it is then.
Result<std::string> ask(TenantOptions& options) {
  const ControlCommand command = options.request.command;
  const bool is_switch =
      command == ControlCommand::tenant_suspend || command == ControlCommand::tenant_resume;
  if (!is_switch) return ask_relay(*options.control, options.request);
  Result<std::string> line;
  for (const TenantPart part : parts_of(options)) {
    options.request.part = part;
    line = ask_relay(*options.control, options.request);
    if (!line) return line;
    if (auto answer = parse_answer(*line); !answer) {
      return std::unexpected(std::move(answer).error());
    }
  }
  return line;
}

Result<void> ask_and_print(TenantOptions& options) {
  SLUICE_TRY(line, ask(options));
  SLUICE_TRY(answer, parse_answer(line));
  if (options.as_json) {
    fmt::print("{}\n", line);
  } else if (options.request.command == ControlCommand::tenant_list) {
    print_list(answer);
  } else {
    print_tenant(answer);
  }
  return {};
}

std::shared_ptr<TenantOptions> prepare(CLI::App& command, ControlCommand what, ExitStatus& status) {
  auto options = std::make_shared<TenantOptions>();
  options->request.command = what;
  options->control = add_control_options(command);
  command.add_flag("--json", options->as_json, "Print the answer as JSON, on one line.");
  command.callback([options, &status] {
    auto done = ask_and_print(*options);
    if (done) return;
    fmt::print(stderr, "sluice tenant: {}\n", done.error().sentence());
    status.value = kExitFailed;
  });
  return options;
}

void add_name(CLI::App& command, TenantOptions& options) {
  command.add_option("NAME", options.request.tenant, "The tenant.")->required();
}

void add_parts(CLI::App& command, TenantOptions& options) {
  command.add_flag("--reception", options.has_reception, "Only what the tenant submits.");
  command.add_flag("--delivery", options.has_delivery, "Only what is queued for delivery.");
}

}  // namespace

void add_tenant_command(CLI::App& app, ExitStatus& status) {
  auto* const tenant =
      app.add_subcommand("tenant", "Show what tenants use, suspend and resume them.");
  tenant->require_subcommand(1);

  auto* const list = tenant->add_subcommand("list", "List every tenant with what it uses.");
  prepare(*list, ControlCommand::tenant_list, status);
  list->footer("Example:\n  sluice tenant list --json");

  auto* const show = tenant->add_subcommand("show", "Show one tenant.");
  add_name(*show, *prepare(*show, ControlCommand::tenant_show, status));
  show->footer("Example:\n  sluice tenant show acme");

  auto* const suspend = tenant->add_subcommand("suspend", "Stop a tenant's mail at once.");
  const auto suspended = prepare(*suspend, ControlCommand::tenant_suspend, status);
  add_name(*suspend, *suspended);
  add_parts(*suspend, *suspended);
  suspend->footer(
      "Without --reception or --delivery, both. What the tenant submits is answered 450 4.7.1;\n"
      "what is queued waits, and still expires. It bites within a second, also on connections "
      "that\n"
      "are open, and lasts over restarts until `sluice tenant resume`.\n"
      "Example:\n  sluice tenant suspend acme --delivery");

  auto* const resume = tenant->add_subcommand("resume", "Let a suspended tenant go on.");
  const auto resumed = prepare(*resume, ControlCommand::tenant_resume, status);
  add_name(*resume, *resumed);
  add_parts(*resume, *resumed);
  resume->footer("Without --reception or --delivery, both.\nExample:\n  sluice tenant resume acme");
}

}  // namespace sluice::commands
