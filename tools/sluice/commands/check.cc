#include "commands/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/clock.h"
#include "relay/config.h"
#include "relay/config_advice.h"

namespace sluice::commands {

namespace {

using relay::CheckedConfig;
using relay::RelayConfig;

struct CheckOptions {
  relay::CommandLineSettings settings;
  bool is_json = false;
};

std::vector<std::string> addresses_of(const relay::ListenerSettings& listener) {
  std::vector<std::string> addresses;
  addresses.reserve(listener.address.size());
  for (const Endpoint& endpoint : listener.address) addresses.push_back(endpoint.to_string());
  return addresses;
}

std::string relays_for(const relay::ListenerSettings& listener) {
  if (!listener.relay_networks) return "loopback, if every address is";
  if (listener.relay_networks->empty()) return "nobody";
  std::vector<std::string> networks;
  for (const IpNetwork& network : *listener.relay_networks) networks.push_back(network.to_string());
  return fmt::format("{}", fmt::join(networks, ", "));
}

std::vector<std::string> hosts_of(const relay::RouteSettings& route) {
  std::vector<std::string> hosts;
  hosts.reserve(route.smart_hosts.size());
  for (const relay::SmartHost& host : route.smart_hosts) hosts.push_back(host.to_string());
  return hosts;
}

void print_summary(const RelayConfig& config) {
  for (const relay::ListenerSettings& listener : config.listeners) {
    fmt::print("  listener {}, relays for {}\n", fmt::join(addresses_of(listener), ", "),
               relays_for(listener));
  }
  for (const relay::RouteSettings& route : config.routes) {
    const std::vector<std::string> hosts = hosts_of(route);
    fmt::print(
        "  route {} to {}\n", fmt::join(route.domains, ", "),
        hosts.empty() ? "the hosts that DNS names (MX)" : fmt::to_string(fmt::join(hosts, ", ")));
  }
}

// What was found out about a file.
struct Checked {
  CheckedConfig config;
  relay::ConfigAdvice advice;
  bool is_good() const { return config.config != nullptr && advice.problems.empty(); }
};

Checked check(const relay::CommandLineSettings& settings) {
  Checked checked{.config = relay::check_config(settings), .advice = {}};
  const auto& config = checked.config.config;
  if (config != nullptr) checked.advice = relay::advise(*config, Clock().wall());
  return checked;
}

void print_text(const std::string& file, const Checked& checked) {
  for (const ConfigProblem& problem : checked.config.problems) {
    fmt::print("{}\n", problem.to_string());
  }
  for (const std::string& problem : checked.advice.problems) fmt::print("{}: {}\n", file, problem);
  for (const std::string& warning : checked.advice.warnings) {
    fmt::print("{}: warning: {}\n", file, warning);
  }
  if (!checked.is_good()) return;
  fmt::print("{}: ok\n", file);
  print_summary(*checked.config.config);
}

nlohmann::json json_of(const ConfigProblem& problem) {
  nlohmann::json json = {
      {"place", problem.place.source}, {"key", problem.key}, {"message", problem.sentence}};
  if (problem.place.line > 0) json["line"] = problem.place.line;
  if (problem.place.line > 0) json["column"] = problem.place.column;
  return json;
}

void print_json(const std::string& file, const Checked& checked) {
  const auto& config = checked.config.config;
  nlohmann::json json = {{"file", file}, {"ok", checked.is_good()}};
  json["problems"] = nlohmann::json::array();
  for (const ConfigProblem& problem : checked.config.problems) {
    json["problems"].push_back(json_of(problem));
  }
  for (const std::string& problem : checked.advice.problems) {
    json["problems"].push_back({{"message", problem}});
  }
  json["warnings"] = checked.advice.warnings;
  if (config != nullptr) {
    for (const auto& listener : config->listeners) {
      json["listeners"].push_back({{"address", addresses_of(listener)}});
    }
    for (const auto& route : config->routes) {
      json["routes"].push_back({{"domains", route.domains}, {"smart_hosts", hosts_of(route)}});
    }
  }
  // A file may hold bytes that are no UTF-8; the program that reads this must not fail on them.
  const auto text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  fmt::print("{}\n", text);
}

}  // namespace

void add_check_command(CLI::App& app, ExitStatus& status) {
  auto* const command =
      app.add_subcommand("check", "Say everything that is wrong with a configuration file.");
  const auto options = std::make_shared<CheckOptions>();
  command->add_option("FILE", options->settings.config_file, "The configuration file.")->required();
  command->add_option("--set", options->settings.set, "Set a key, as `sluice serve` would.")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_flag("--json", options->is_json, "Print for programs.");
  command->footer("Example:\n  sluice check /etc/sluice/sluice.toml");
  command->callback([options, &status] {
    const Checked checked = check(options->settings);
    const auto print = options->is_json ? &print_json : &print_text;
    print(options->settings.config_file, checked);
    status.value = checked.is_good() ? kExitDone : kExitFailed;
  });
}

}  // namespace sluice::commands
