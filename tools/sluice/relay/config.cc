#include "relay/config.h"

#include <fmt/format.h>
#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "core/config_file.h"
#include "core/config_override.h"
#include "core/config_reader.h"
#include "core/config_reference.h"
#include "core/config_writer.h"
#include "relay/config_keys.h"
#include "relay/config_rules.h"
#include "relay/user_file.h"
#include "relay/user_rules.h"
#include "smtp/address.h"
#include "smtp/ascii.h"

namespace sluice {

namespace {

// A name, or an address: what looks like an IPv4 address must be one.
bool is_host(std::string_view text) {
  if (IpAddress::parse(text)) return text.find(':') == std::string_view::npos;
  const auto last_label = text.substr(text.rfind('.') + 1);
  const bool looks_numeric = last_label.find_first_not_of("0123456789") == std::string_view::npos;
  return !looks_numeric && !text.starts_with('[') && smtp::is_valid_domain(text);
}

}  // namespace

std::optional<relay::SmartHost> ConfigText<relay::SmartHost>::parse(std::string_view text) {
  if (const auto endpoint = Endpoint::parse(text)) {
    if (endpoint->port == 0) return std::nullopt;
    return relay::SmartHost{endpoint->address.to_string(), endpoint->port};
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_host(text.substr(0, colon))) return std::nullopt;
  // The same digits as an Endpoint's: 1 to 65535.
  const auto port = Endpoint::parse(fmt::format("127.0.0.1{}", text.substr(colon)));
  if (!port || port->port == 0) return std::nullopt;
  return relay::SmartHost{std::string(text.substr(0, colon)), port->port};
}

std::optional<relay::DnsServer> ConfigText<relay::DnsServer>::parse(std::string_view text) {
  constexpr std::uint16_t kDnsPort = 53;
  if (const auto address = IpAddress::parse(text)) {
    return relay::DnsServer{Endpoint{*address, kDnsPort}};
  }
  const auto endpoint = Endpoint::parse(text);
  if (!endpoint || endpoint->port == 0) return std::nullopt;
  return relay::DnsServer{*endpoint};
}

}  // namespace sluice

namespace sluice::relay {

std::string DnsServer::to_string() const { return endpoint.to_string(); }

std::string SmartHost::to_string() const {
  const bool needs_brackets = host.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(needs_brackets ? "[{}]:{}" : "{}:{}"), host, port);
}

namespace {

// Sets a top-level key from the command line, over what the file says.
void put(ConfigNode& document, std::string_view name, ConfigNode value) {
  std::erase_if(document.entries, [&](const ConfigEntry& entry) { return entry.name == name; });
  document.add(std::string(name), std::move(value));
}

ConfigNode text_list(const std::vector<std::string>& texts, const ConfigPlace& place) {
  ConfigNode list = ConfigNode::of_list(place);
  for (const std::string& text : texts) list.items.push_back(ConfigNode::of_text(text, place));
  return list;
}

// Each --listen is a listener of its own, so that one public address does not close the others.
void put_listeners(ConfigNode& document, const CommandLineSettings& command_line) {
  ConfigNode listeners = ConfigNode::of_list({"--listen"});
  for (const std::string& address : command_line.listen) {
    ConfigNode& listener = listeners.items.emplace_back(ConfigNode::of_table({"--listen"}));
    listener.add("address", ConfigNode::of_text(address, {"--listen"}));
    if (command_line.allow.empty()) continue;
    listener.add("relay_networks", text_list(command_line.allow, {"--allow"}));
  }
  put(document, "listener", std::move(listeners));
}

bool is_star(const ConfigNode& node) {
  return node.kind == ConfigNode::Kind::text && node.text == "*";
}

// Takes "*" from a route of the file; true when nothing is left for the route.
bool give_up_star(ConfigNode& route) {
  if (route.kind != ConfigNode::Kind::table) return false;
  ConfigNode* const domains = route.find("domains");
  if (domains == nullptr || is_star(*domains)) return true;
  return std::erase_if(domains->items, is_star) > 0 && domains->items.empty();
}

void put_smart_hosts(ConfigNode& document, const std::vector<std::string>& smart_hosts) {
  const ConfigPlace place{"--smart-host"};
  ConfigNode route = ConfigNode::of_table(place);
  route.add("domains", text_list({"*"}, place));
  route.add("smart_hosts", text_list(smart_hosts, place));

  ConfigNode* routes = document.find("route");
  if (routes == nullptr) routes = &document.add("route", ConfigNode::of_list(place));
  if (routes->kind != ConfigNode::Kind::list) return;  // the reader of the keys reports it
  std::erase_if(routes->items, give_up_star);
  routes->items.push_back(std::move(route));
}

void put_command_line(ConfigNode& document, const CommandLineSettings& command_line,
                      ConfigProblems& problems) {
  if (!command_line.listen.empty()) put_listeners(document, command_line);
  if (command_line.listen.empty() && !command_line.allow.empty()) {
    problems.add({"--allow"}, "relay_networks",
                 "expected together with --listen; a listener of the file has relay_networks");
  }
  if (!command_line.smart_hosts.empty()) put_smart_hosts(document, command_line.smart_hosts);
  if (const auto& spool = command_line.spool) {
    put(document, "spool", ConfigNode::of_text(*spool, {"--spool"}));
  }
  if (const auto& hostname = command_line.hostname) {
    put(document, "hostname", ConfigNode::of_text(*hostname, {"--hostname"}));
  }
  if (command_line.shards) {
    ConfigNode shards = ConfigNode::of_text({}, {"--shards"});
    shards.kind = ConfigNode::Kind::integer;
    shards.integer = *command_line.shards;
    put(document, "shards", std::move(shards));
  }
  for (const std::string& assignment : command_line.set) {
    set_config_value(document, assignment, problems);
  }
}

// The machine's full name as its resolver gives it, else the short one.
std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  std::string short_name = name.data();
  if (short_name.find('.') != std::string::npos) return short_name;

  ::addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  hints.ai_socktype = SOCK_STREAM;
  ::addrinfo* found = nullptr;
  if (::getaddrinfo(short_name.c_str(), nullptr, &hints, &found) != 0) return short_name;
  const std::string full_name = found->ai_canonname != nullptr ? found->ai_canonname : short_name;
  ::freeaddrinfo(found);
  return smtp::is_valid_domain(full_name) ? full_name : short_name;
}

// Domains are compared in lower case (RFC 5321 2.4).
void lower_case(std::string& text) { std::ranges::transform(text, text.begin(), smtp::to_lower); }

RetrySettings default_retry(MessageClass klass) {
  if (klass == MessageClass::bulk || klass == MessageClass::dsn) return {.klass = klass};
  return {.klass = klass,
          .first = std::chrono::minutes(1),
          .factor = 1.5,
          .max = std::chrono::minutes(30),
          .expire = std::chrono::hours(24)};
}

// A record's class is the position of its schedule. What stands there twice is a problem that the
// rules report.
void add_missing_retries(std::vector<RetrySettings>& retries) {
  for (std::size_t i = 0; i < kMessageClassNames.size(); ++i) {
    const auto klass = static_cast<MessageClass>(i);
    const bool is_set = std::ranges::find(retries, klass, &RetrySettings::klass) != retries.end();
    if (!is_set) retries.push_back(default_retry(klass));
  }
}

// What keys that are not set take from others.
void fill_in(RelayConfig& config) {
  if (config.user_file.empty()) config.user_file = default_user_file(config.spool);
  if (config.admin.socket.empty()) config.admin.socket = default_control_socket(config.spool);
  add_missing_retries(config.retries);
  if (config.routes.empty()) config.routes.emplace_back();
}

void name_machine(RelayConfig& config, const ConfigNode& document, ConfigProblems& problems) {
  if (!config.hostname.empty()) return;
  config.hostname = machine_name();
  if (smtp::is_valid_domain(config.hostname)) return;
  problems.add(document.place, "hostname",
               fmt::format("found {} as the machine's name, expected a full name: set hostname, "
                           "or start with --hostname",
                           quote_config_text(config.hostname)));
}

// What of the users stands outside the configuration: their passwords, and those of user_file.
void check_users(RelayConfig& config, const ConfigNode& document, ConfigProblems& problems) {
  fetch_user_secrets(config.users, document, problems);
  UserNames names;
  check_user_rules(config.users, document, names, problems);  // they hold; this is for the names
  UserFile file = read_user_file(config.user_file, names, problems);
  fetch_user_secrets(file.users, file.document, problems);
}

void fetch_route_secrets(std::vector<RouteSettings>& routes, const ConfigNode& document,
                         ConfigProblems& problems) {
  for (std::size_t i = 0; i < routes.size(); ++i) {
    if (!routes[i].password) continue;
    const std::string key = fmt::format("route[{}].password", i);
    keep_secret(*routes[i].password, place_of(document, key), key, problems);
  }
}

constexpr std::string_view kReferenceIntroduction =
    "Sizes: \"10KB\", \"50MB\", \"1GiB\" (KB is 1000 bytes, KiB is 1024). Durations: \"500ms\",\n"
    "\"20s\", \"15m\", \"4h\", \"5d\". A list of one may be written without brackets. `reload`:\n"
    "a running relay takes a change over with SIGHUP or `sluice reload`; `restart`: it takes\n"
    "effect at the next start only, and so does everything of [[listener]] when an address\n"
    "comes, goes or moves. `--set KEY=VALUE` sets any key from the command line:\n"
    "`--set limits.memory=2GiB --set 'route[0].connections=4'`. `sluice check FILE` reports\n"
    "everything that is wrong with a file, with line and column.\n";

}  // namespace

std::string default_user_file(const std::string& spool) {
  return (std::filesystem::path(spool).parent_path() / "users.toml").string();
}

std::string default_control_socket(const std::string& spool) {
  return (std::filesystem::path(spool).parent_path() / "control.sock").string();
}

RelayConfig read_config(const ConfigNode& document, ConfigProblems& problems) {
  RelayConfig config;
  const bool has_gaps = problems.leave_gaps();
  read_config_table(document, {}, kRelayKeys, config, problems);
  for (RouteSettings& route : config.routes) std::ranges::for_each(route.domains, lower_case);
  fill_in(config);
  if (!has_gaps) check_config_rules(config, document, problems);
  std::ranges::sort(config.retries, {}, &RetrySettings::klass);
  return config;
}

CheckedConfig check_config(const CommandLineSettings& command_line) {
  ConfigProblems problems;
  ConfigNode document = ConfigNode::of_table({});
  if (!command_line.config_file.empty()) {
    document = read_config_file(command_line.config_file, problems);
  }
  put_command_line(document, command_line, problems);
  RelayConfig config = read_config(document, problems);
  if (problems.empty()) check_users(config, document, problems);
  if (problems.empty()) fetch_route_secrets(config.routes, document, problems);
  if (problems.empty()) name_machine(config, document, problems);
  if (!problems.empty()) return {nullptr, problems.sorted()};
  return {std::make_shared<const RelayConfig>(std::move(config)), {}};
}

Result<std::shared_ptr<const RelayConfig>> load_config(const CommandLineSettings& command_line) {
  auto [config, problems] = check_config(command_line);
  if (config != nullptr) return std::move(config);
  return fail(ErrorCode::invalid_argument, join_problems(problems));
}

std::vector<ConfigChange> config_changes(const RelayConfig& before, const RelayConfig& after) {
  return compare_config(before, after, kRelayKeys);
}

std::string effective_config(const RelayConfig& config) { return show_config(config, kRelayKeys); }

std::string config_reference() {
  return std::string(kReferenceIntroduction) +
         render_config_text(describe_config<RelayConfig>(kRelayKeys));
}

std::string config_reference_markdown() {
  return "# Configuration\n\nGenerated by `sluice config reference --markdown`; "
         "`sluice.example.toml` is a file to start from.\n\n" +
         std::string(kReferenceIntroduction) +
         render_config_markdown(describe_config<RelayConfig>(kRelayKeys));
}

}  // namespace sluice::relay
