#include "commands/spool.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "spool/verification.h"

namespace sluice::commands {

namespace {

using spool::PartitionReport;
using spool::VerificationReport;

struct VerifyOptions {
  std::string directory;
  bool is_json = false;
};

constexpr double kBytesPerMegabyte = 1e6;

void print_partition(const PartitionReport& report) {
  const auto& books = report.accounting;
  fmt::print("partition {:02}\n", report.partition);
  fmt::print("  envelopes    {} with {} recipients, {} of them deferred before\n", report.envelopes,
             report.recipients_pending, report.deferrals);
  fmt::print("  packs        {} with {:.1f} MB\n", report.packs,
             static_cast<double>(report.pack_bytes) / kBytesPerMegabyte);
  fmt::print("  body parts   {} with {:.1f} MB\n", report.parts,
             static_cast<double>(report.part_bytes) / kBytesPerMegabyte);
  fmt::print("  queues       {}\n", report.queues);
  fmt::print("  counters     {}, {} of them expired\n", report.counters, report.expired_counters);
  fmt::print("  quarantined  {} envelopes\n", report.quarantined);
  fmt::print("  reclaimable  {} packs and {} body parts with {:.1f} MB, {} queue names\n",
             report.reclaimable_packs, report.reclaimable_parts,
             static_cast<double>(report.reclaimable_bytes) / kBytesPerMegabyte,
             report.unused_queues);
  fmt::print(
      "  accounting   {} received + {} generated = {} delivered + {} bounced + {} expired + {} "
      "removed\n"
      "               + {} suppressed + {} quarantined + {} queued\n",
      books.received, books.generated, books.delivered, books.bounced, books.expired, books.removed,
      books.suppressed, books.quarantined, books.queued);
}

void print_text(const std::string& directory, const VerificationReport& report) {
  for (const auto& partition : report.partitions) print_partition(partition);
  for (const auto& finding : report.findings) fmt::print("damage: {}\n", finding);
  if (report.damages > report.findings.size()) {
    fmt::print("damage: and {} more\n", report.damages - report.findings.size());
  }
  if (report.is_clean()) {
    fmt::print("{}: ok\n", directory);
  } else {
    fmt::print("{}: {} damaged\n", directory, report.damages);
  }
}

nlohmann::json json_of(const spool::Accounting& books) {
  return {{"received", books.received},     {"generated", books.generated},
          {"delivered", books.delivered},   {"bounced", books.bounced},
          {"expired", books.expired},       {"removed", books.removed},
          {"suppressed", books.suppressed}, {"quarantined", books.quarantined},
          {"queued", books.queued}};
}

nlohmann::json json_of(const PartitionReport& report) {
  return {{"partition", report.partition},
          {"envelopes", report.envelopes},
          {"recipients_pending", report.recipients_pending},
          {"packs", report.packs},
          {"pack_bytes", report.pack_bytes},
          {"parts", report.parts},
          {"part_bytes", report.part_bytes},
          {"deferrals", report.deferrals},
          {"quarantined", report.quarantined},
          {"queues", report.queues},
          {"reclaimable_packs", report.reclaimable_packs},
          {"reclaimable_parts", report.reclaimable_parts},
          {"reclaimable_bytes", report.reclaimable_bytes},
          {"unused_queues", report.unused_queues},
          {"counters", report.counters},
          {"expired_counters", report.expired_counters},
          {"accounting", json_of(report.accounting)}};
}

void print_json(const std::string& directory, const VerificationReport& report) {
  nlohmann::json json = {{"directory", directory},
                         {"ok", report.is_clean()},
                         {"damages", report.damages},
                         {"findings", report.findings}};
  json["partitions"] = nlohmann::json::array();
  for (const auto& partition : report.partitions) json["partitions"].push_back(json_of(partition));
  // A directory's name may hold bytes that are no UTF-8.
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void verify(const VerifyOptions& options, ExitStatus& status) {
  const auto report = spool::verify_spool(options.directory);
  if (!report) {
    fmt::print(stderr, "sluice spool verify: {}\n", report.error().sentence());
    status.value = kExitUsage;
    return;
  }
  const auto print = options.is_json ? &print_json : &print_text;
  print(options.directory, *report);
  status.value = report->is_clean() ? kExitDone : kExitFailed;
}

}  // namespace

void add_spool_command(CLI::App& app, ExitStatus& status) {
  auto* const command =
      app.add_subcommand("spool", "Look at a spool directory while no relay uses it.");
  auto* const subcommand = command->add_subcommand(
      "verify", "Check every record and checksum, and that nothing was lost.");
  const auto options = std::make_shared<VerifyOptions>();
  subcommand->add_option("DIR", options->directory, "The spool directory.")->required();
  subcommand->add_flag("--json", options->is_json, "Print for programs.");
  subcommand->footer(
      "Exit status: 0 the spool is sound, 1 something is damaged, 2 it could not be checked.\n"
      "Example:\n  sluice spool verify /var/lib/sluice/spool");
  subcommand->callback([options, &status] { verify(*options, status); });
  command->footer("Example:\n  sluice spool verify /var/lib/sluice/spool");
}

}  // namespace sluice::commands
