// sluice-load: submits many recognisable messages to an SMTP server, and tells how that went.
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <thread>

#include "bench/ledger.h"
#include "bench/load_connection.h"
#include "bench/load_plan.h"
#include "bench/login.h"
#include "bench/quantity.h"
#include "bench/stop_signal.h"
#include "core/shard_group.h"
#include "tls/client_context.h"

namespace sluice::bench {
namespace {

struct LoadOptions {
  std::string to = "127.0.0.1:2525";
  std::string size = "10KB";
  std::string mode = "auto";
  std::string ledger_file;
  std::string give_up = "30s";
  unsigned connections = 32;
  unsigned shards = 1;
  std::string security = "none";
  std::string authorities_file;
  std::string server_name = "localhost";
  std::string user;
  bool is_insecure = false;
  bool as_json = false;
  bool shows_progress = false;
  LoadSettings plan;
  unsigned depth = 1;
};

void declare_options(CLI::App& app, LoadOptions& options) {
  app.add_option("--to", options.to, "Address and port of the server")->capture_default_str();
  app.add_option("--messages", options.plan.messages, "How many")->capture_default_str();
  app.add_option("--connections", options.connections, "At once")
      ->capture_default_str()
      ->check(CLI::Range(1u, 50'000u));
  app.add_option("--rate", options.plan.rate,
                 "Messages per second over all connections; 0: no limit");
  app.add_option("--size", options.size, "Of a message: 10KB, or shares as 2KB:5,10KB:4,1MB:1")
      ->capture_default_str();
  app.add_option("--recipients", options.plan.recipients, "Per message, spread over the domains")
      ->capture_default_str()
      ->check(CLI::Range(1u, 10'000u));
  app.add_option("--domains", options.plan.domains, "Recipient domains")
      ->capture_default_str()
      ->check(CLI::Range(1u, 10'000'000u));
  app.add_option("--mode", options.mode, "auto, plain, pipelining or chunking")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "plain", "pipelining", "chunking"}));
  app.add_option("--depth", options.depth, "Messages in one flight (chunking)")
      ->capture_default_str()
      ->check(CLI::Range(1u, 64u));
  app.add_option("--tls", options.security, "none, starttls or implicit; TLS 1.3")
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "starttls", "implicit"}));
  app.add_option("--ca", options.authorities_file,
                 "PEM file of the authorities that may vouch for the server");
  app.add_option("--server-name", options.server_name, "Name that its certificate must carry")
      ->capture_default_str();
  app.add_flag("--insecure", options.is_insecure, "Take any certificate: for tests only");
  app.add_option("--user", options.user,
                 "Log in as this user; the password is in the environment: SLUICE_LOAD_PASSWORD");
  app.add_option("--ledger", options.ledger_file, "Write a line per message and recipient here");
  app.add_option("--run", options.plan.run, "In front of every id; default: from the process id");
  app.add_option("--seed", options.plan.seed, "Of sizes and text")->capture_default_str();
  app.add_option("--give-up", options.give_up, "End when no connection could be had for that long")
      ->capture_default_str();
  app.add_option("--shards", options.shards, "Threads")->capture_default_str();
  app.add_flag("--progress", options.shows_progress, "Progress line, also without a terminal");
  app.add_flag("--json", options.as_json, "Print the summary as JSON");
}

LoadMode mode_of(std::string_view name) {
  if (name == "plain") return LoadMode::plain;
  if (name == "pipelining") return LoadMode::pipelining;
  if (name == "chunking") return LoadMode::chunking;
  return LoadMode::automatic;
}

LoadSecurity security_of(std::string_view name) {
  if (name == "starttls") return LoadSecurity::starttls;
  if (name == "implicit") return LoadSecurity::implicit;
  return LoadSecurity::clear;
}

Result<std::shared_ptr<const tls::ClientContext>> client_context(const LoadOptions& options) {
  const bool has_authorities = !options.authorities_file.empty();
  if (has_authorities == options.is_insecure) {
    return fail(ErrorCode::syntax,
                "--tls needs one of --ca FILE (whom to trust) and --insecure (any certificate)");
  }
  return tls::ClientContext::make({.verification = options.is_insecure
                                                       ? tls::Verification::none
                                                       : tls::Verification::chain_and_name,
                                   .authorities_file = options.authorities_file,
                                   .version_min = tls::Version::tls_1_3});
}

// What --tls and --user say.
Result<void> read_security(const LoadOptions& options, ConnectionSettings& connection) {
  connection.security = security_of(options.security);
  connection.server_name = options.server_name;
  if (connection.security != LoadSecurity::clear) {
    SLUICE_TRY(context, client_context(options));
    connection.context = std::move(context);
  } else if (options.is_insecure || !options.authorities_file.empty()) {
    return fail(ErrorCode::syntax, "--ca and --insecure mean nothing without --tls");
  }
  if (options.user.empty()) return {};
  SLUICE_TRY(password, password_from_environment());
  connection.user = options.user;
  connection.password = std::move(password);
  return {};
}

Result<ConnectionSettings> read_options(LoadOptions& options) {
  SLUICE_TRY(to, Endpoint::parse(options.to));
  SLUICE_TRY(give_up, parse_duration(options.give_up));
  SLUICE_TRY(sizes, parse_sizes(options.size));
  options.plan.sizes = std::move(sizes);
  if (options.plan.run.empty()) options.plan.run = fmt::format("r{}", getpid());
  ConnectionSettings connection{
      .to = to, .mode = mode_of(options.mode), .depth = options.depth, .give_up = give_up};
  if (auto read = read_security(options, connection); !read) {
    return std::unexpected(std::move(read).error());
  }
  return connection;
}

class Load {
 public:
  Load(const LoadOptions& options, const ConnectionSettings& connection, Ledger& ledger,
       std::size_t shards)
      : options_(options),
        connection_(connection),
        ledger_(ledger),
        counters_(shards),
        start_(Clock().now()),
        plan_(options.plan, start_) {}

  void stop() { plan_.stop(); }

  Task<void> run(Shard& shard) {
    TaskScope connections(shard.run_queue());
    for (unsigned i = shard.id().value(); i < options_.connections;
         i += static_cast<unsigned>(counters_.size())) {
      connections.spawn(connect(shard));
    }
    TaskScope progress(shard.run_queue());
    if (shard.id() == ShardId(0)) progress.spawn(report(shard));
    co_await connections.join();
    co_await progress.close();
  }

  nlohmann::ordered_json summarise() const;

 private:
  Task<void> connect(Shard& shard) {
    LoadConnection connection(shard, connection_, plan_, counters_[shard.id().value()], ledger_);
    co_await connection.run();
  }

  // A line a second: what has been accepted so far on the first shard's connections, and the rate.
  Task<void> report(Shard& shard) {
    const bool is_shown = options_.shows_progress || isatty(STDERR_FILENO) != 0;
    std::uint64_t last = 0;
    while (true) {
      const Deadline second = Deadline::in(shard.clock(), std::chrono::seconds(1));
      if (!co_await sleep_until(shard, second)) break;
      ledger_.flush();
      const std::uint64_t accepted = ledger_.pairs();
      if (is_shown) {
        fmt::print(stderr, "\rsluice-load: {} recipients accepted, {}/s   ", accepted,
                   accepted - last);
      }
      last = accepted;
    }
    if (is_shown) fmt::print(stderr, "\n");
  }

  const LoadOptions& options_;
  const ConnectionSettings& connection_;
  Ledger& ledger_;
  std::vector<LoadCounters> counters_;
  Instant start_;
  LoadPlan plan_;
};

nlohmann::ordered_json Load::summarise() const {
  LoadCounters total;
  std::vector<std::uint64_t> latency(Histogram::kBuckets);
  for (const LoadCounters& counters : counters_) {
    total.accepted += counters.accepted;
    total.recipients += counters.recipients;
    total.rejected += counters.rejected;
    total.unknown += counters.unknown;
    total.connections += counters.connections;
    total.connection_failures += counters.connection_failures;
    for (const auto& [code, count] : counters.refusals) total.refusals[code] += count;
    for (std::size_t i = 0; i < latency.size(); ++i) latency[i] += counters.latency.bucket(i);
  }
  const auto milliseconds = [&](double fraction) {
    return std::chrono::duration<double, std::milli>(percentile(latency, fraction)).count();
  };
  const double seconds = std::chrono::duration<double>(Clock().now() - start_).count();
  nlohmann::ordered_json refusals = nlohmann::ordered_json::object();
  for (const auto& [code, count] : total.refusals) refusals[std::to_string(code)] = count;
  return {{"accepted", total.accepted},
          {"recipients", total.recipients},
          {"rejected", total.rejected},
          {"unknown", total.unknown},
          {"connections", total.connections},
          {"connection_failures", total.connection_failures},
          {"seconds", seconds},
          {"messages_per_second", static_cast<double>(total.accepted) / seconds},
          {"accept_p50_ms", milliseconds(0.5)},
          {"accept_p99_ms", milliseconds(0.99)},
          {"refusals", refusals}};
}

void print_summary(const nlohmann::ordered_json& summary) {
  for (const auto& [name, value] : summary.items()) {
    if (value.is_number_float()) {
      fmt::print("{:<20} {:.3f}\n", name, value.get<double>());
    } else {
      fmt::print("{:<20} {}\n", name, value.dump());
    }
  }
}

// True when every message was accepted.
Result<bool> run_load(LoadOptions& options) {
  StopSignal signal;
  SLUICE_TRY(connection, read_options(options));
  SLUICE_TRY(ledger, Ledger::open(options.ledger_file));
  SLUICE_TRY(group, ShardGroup::start(options.shards, options.plan.seed));
  Load load(options, connection, *ledger, group->size());
  signal.watch([&load] { load.stop(); });
  group->run([&load](Shard& shard) { return load.run(shard); });
  signal.unwatch();
  const auto summary = load.summarise();
  if (options.as_json) {
    fmt::print("{}\n", summary.dump(2));
  } else {
    print_summary(summary);
  }
  return summary["accepted"] == options.plan.messages;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  CLI::App app(
      "Submits many recognisable messages to an SMTP server and tells how that went.\n"
      "Ends with 0 when every message was accepted.\n"
      "Example: sluice-load --to 127.0.0.1:2525 --messages 100000 --connections 32 --size 10KB");
  sluice::bench::LoadOptions options;
  sluice::bench::declare_options(app, options);
  CLI11_PARSE(app, argc, argv);
  auto done = sluice::bench::run_load(options);
  if (done) return *done ? 0 : 1;
  fmt::print(stderr, "sluice-load: {}\n", done.error().sentence());
  return 2;
}
