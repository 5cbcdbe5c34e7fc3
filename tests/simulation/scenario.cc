#include "tests/simulation/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "smtp/server_session.h"

namespace sluice::simulation {

namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// What is due when a connection ends is waited for a little longer: QUIT, the last replies.
constexpr Duration kFarewell = seconds(10);
// The relay is late by what its commits and the steps of its threads take.
constexpr Duration kLateness = seconds(10);

const Endpoint kRelay{IpAddress::v4(0x0a000001), 2525};  // 10.0.0.1

template <class Value, std::size_t kCount>
Value one_of(Random& random, const std::array<Value, kCount>& values) {
  return values[random.below(kCount)];
}

bool chance(Random& random, double probability) { return random.fraction() < probability; }

NetworkSettings make_network(Random& random) {
  NetworkSettings network;
  network.delay_max = one_of<Duration, 4>(
      random, {microseconds(200), milliseconds(2), milliseconds(20), milliseconds(150)});
  network.window_bytes = one_of<std::size_t, 4>(random, {3'000, 16'384, 65'536, 262'144});
  network.split_chance = one_of<double, 3>(random, {0.05, 0.3, 0.8});
  network.cut_chance = one_of<double, 4>(random, {0, 0, 0.002, 0.02});
  network.silence_chance = one_of<double, 4>(random, {0, 0, 0.001, 0.01});
  return network;
}

ReplyStyle make_reply_style(Random& random) {
  return {.has_status_codes = chance(random, 0.8),
          .is_terse = chance(random, 0.1),
          .ends_with_newline = chance(random, 0.1),
          .lines_max = one_of<std::size_t, 5>(random, {1, 1, 1, 4, 100})};
}

// A host that closes before a command can come all the way is none that takes mail.
Duration make_idle_max(Random& random, Duration network_delay_max) {
  return network_delay_max * 8 + milliseconds(1 + random.below(10'000));
}

HostSettings make_host(Random& random, std::size_t index, Duration network_delay_max) {
  HostSettings host;
  const auto last = static_cast<std::uint32_t>(index + 1);
  host.endpoint = {IpAddress::v4(0x0a000100 + last), 25};  // 10.0.1.x
  host.offers_pipelining = chance(random, 0.8);
  host.offers_chunking = chance(random, 0.7);
  host.knows_ehlo = chance(random, 0.9);
  host.keeps_mail = chance(random, 0.3);
  host.grants_data_to_nobody = chance(random, 0.3);
  host.replies = make_reply_style(random);
  host.drips = chance(random, 0.1);
  host.answer_max = one_of<Duration, 4>(
      random, {microseconds(50), milliseconds(5), milliseconds(200), seconds(5)});
  if (chance(random, 0.2)) host.recipients_max = 1 + random.below(3);
  if (chance(random, 0.2)) host.messages_max = 1 + random.below(10);
  if (chance(random, 0.2)) host.idle_max = make_idle_max(random, network_delay_max);
  const double trouble = one_of<double, 4>(random, {0, 0.3, 1, 3});
  host.temporary = 0.02 * trouble * random.fraction();
  host.permanent = 0.02 * trouble * random.fraction();
  host.closing = 0.01 * trouble * random.fraction();
  host.reset = 0.01 * trouble * random.fraction();
  host.early = 0.03 * trouble * random.fraction();
  host.late_reset = 0.02 * trouble * random.fraction();
  host.garbage = 0.006 * trouble * random.fraction();
  host.stall = 0.003 * trouble * random.fraction();
  host.pause = 0.005 * trouble * random.fraction();
  return host;
}

constexpr std::size_t kDomains = 4;

std::string domain(std::size_t index) { return fmt::format("d{}.example", index); }

// Every domain has some of the hosts; the last has none but itself.
NamesSettings make_names(Random& random, const std::vector<HostSettings>& hosts) {
  NamesSettings names;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    names.addresses.emplace(fmt::format("mx{}.example", i), hosts[i].endpoint.address);
  }
  for (std::size_t i = 0; i + 1 < kDomains; ++i) {
    auto& exchanges = names.exchanges[domain(i)];
    const std::size_t count = 1 + random.below(hosts.size());
    for (std::size_t k = 0; k < count; ++k) {
      const auto preference = static_cast<std::uint16_t>(10 * random.below(2));
      const std::size_t host = random.below(hosts.size());
      exchanges.push_back(MxRecord{preference, fmt::format("mx{}.example", host)});
    }
  }
  names.addresses.emplace(domain(kDomains - 1), hosts.front().endpoint.address);
  names.answer_max = one_of<Duration, 3>(random, {milliseconds(1), milliseconds(300), seconds(10)});
  names.ttl_max = one_of<Duration, 3>(random, {seconds(1), minutes(5), hours(24)});
  names.failure = one_of<double, 4>(random, {0, 0, 0.05, 0.5});
  return names;
}

relay::RouteSettings make_route(Random& random, std::string domain,
                                const std::vector<HostSettings>& hosts) {
  relay::RouteSettings route{.domains = {std::move(domain)}, .smart_hosts = {}, .connections = {}};
  if (chance(random, 0.3)) route.connections = 1 + static_cast<std::uint32_t>(random.below(3));
  if (chance(random, 0.4)) return route;  // to the hosts that DNS names
  const std::size_t count = 1 + random.below(hosts.size());
  const std::size_t first = random.below(hosts.size());
  for (std::size_t i = 0; i < count; ++i) {
    const Endpoint& endpoint = hosts[(first + i) % hosts.size()].endpoint;
    route.smart_hosts.push_back({.host = endpoint.address.to_string(), .port = endpoint.port});
  }
  return route;
}

relay::TimeoutSettings make_timeouts(Random& random) {
  const Duration base = one_of<Duration, 3>(random, {seconds(10), seconds(60), seconds(300)});
  return {.connect = seconds(30),
          .greeting = base,
          .command = base,
          .data = base,
          .final = base * 2,
          .idle = one_of<Duration, 3>(random, {milliseconds(10), seconds(1), seconds(30)})};
}

relay::RelayConfig make_config(Random& random, const std::vector<HostSettings>& hosts) {
  relay::RelayConfig config;
  config.hostname = "relay.example";
  config.spool_partitions = 1 + static_cast<std::uint32_t>(random.below(2));
  config.spool_size = mebibytes(64);
  config.shards = one_of<std::uint32_t, 4>(random, {1, 1, 2, 3});
  config.listeners.push_back({.address = {kRelay}, .relay_networks = std::vector<IpNetwork>()});
  config.listeners.front().relay_networks->push_back(*IpNetwork::parse("10.0.0.0/8"));
  config.routes.push_back(make_route(random, "*", hosts));
  if (chance(random, 0.5)) config.routes.push_back(make_route(random, "d0.example", hosts));
  config.retries.push_back(
      {.klass = relay::MessageClass::bulk,
       .first = one_of<Duration, 3>(random, {seconds(1), seconds(10), minutes(1)}),
       .factor = 2.0,
       .max = minutes(2),
       .expire = chance(random, 0.1) ? Duration(minutes(2)) : hours(72)});
  config.limits.disk_free = ByteCount(0);
  config.limits.memory =
      one_of<ByteCount, 3>(random, {mebibytes(4), mebibytes(16), mebibytes(256)});
  config.delivery.connections = 1 + static_cast<std::uint32_t>(random.below(6));
  config.delivery.pipeline_depth = one_of<std::uint32_t, 4>(random, {1, 2, 8, 8});
  config.delivery.timeouts = make_timeouts(random);
  config.dsn.failure = false;  // hosts know the clients' messages only
  config.delivery.allow_networks.push_back(*IpNetwork::parse("10.0.0.0/8"));
  return config;
}

PlannedMessage make_message(Random& random) {
  PlannedMessage message{.domains = {}, .bytes = 1 + random.below(4'000)};
  if (chance(random, 0.05)) message.bytes = random.below(200'000);
  if (chance(random, 0.004)) message.bytes = 1'000'000 + random.below(2'000'000);
  if (chance(random, 0.2)) {
    message.course = one_of<Course, 5>(random, {Course::reset, Course::quit, Course::broken_off,
                                                Course::bare_newline, Course::too_large});
  }
  const std::size_t recipients = chance(random, 0.3) ? 1 + random.below(8) : 1;
  for (std::size_t i = 0; i < recipients; ++i) {
    message.domains.push_back(domain(random.below(kDomains)));
  }
  return message;
}

PlannedClient make_client(Random& random, std::size_t index) {
  PlannedClient client;
  const auto last = static_cast<std::uint32_t>(index + 1);
  client.settings.relay = kRelay;
  client.settings.address = IpAddress::v4(0x0a000200 + last);  // 10.0.2.x
  client.settings.pipelines = chance(random, 0.8);
  client.settings.sends_ahead = chance(random, 0.7);
  client.settings.uses_chunks = chance(random, 0.4);
  client.settings.announces_size = chance(random, 0.5);
  client.settings.chatter = one_of<double, 3>(random, {0, 0, 0.1});
  client.settings.leave_chance = one_of<double, 3>(random, {0, 0.002, 0.02});
  client.settings.pause_max =
      one_of<Duration, 3>(random, {milliseconds(1), seconds(2), seconds(60)});
  const std::size_t messages = 1 + random.below(30);
  for (std::size_t i = 0; i < messages; ++i) client.plan.push_back(make_message(random));
  return client;
}

std::vector<Life> make_lives(Random& random) {
  std::vector<Life> lives;
  const std::size_t count = random.below(4);
  for (std::size_t i = 0; i < count; ++i) {
    const Duration unit =
        one_of<Duration, 4>(random, {milliseconds(1), milliseconds(30), seconds(1), seconds(40)});
    const auto length =
        static_cast<std::int64_t>(random.fraction() * static_cast<double>(unit.count()));
    const LifeEnd end = one_of<LifeEnd, 4>(
        random, {LifeEnd::crash, LifeEnd::crash, LifeEnd::stop, LifeEnd::hurried_stop});
    lives.push_back({.length = Duration(length), .end = end});
  }
  return lives;
}

}  // namespace

Duration Scenario::patience_with_client() const {
  const smtp::ServerSettings server;
  return server.command_idle_max + kFarewell + kLateness;
}

// It may have idled for a while when a message was given to it.
Duration Scenario::patience_with_host() const {
  const relay::TimeoutSettings& timeouts = config.delivery.timeouts;
  const Duration longest = std::max(
      {timeouts.connect, timeouts.greeting, timeouts.command, timeouts.data, timeouts.final});
  return timeouts.idle + longest + kFarewell + kLateness;
}

Scenario make_scenario(Random& random) {
  Scenario scenario;
  scenario.network = make_network(random);
  const std::size_t hosts = 1 + random.below(3);
  for (std::size_t i = 0; i < hosts; ++i) {
    scenario.hosts.push_back(make_host(random, i, scenario.network.delay_max));
  }
  scenario.names = make_names(random, scenario.hosts);
  scenario.config = make_config(random, scenario.hosts);
  const std::size_t clients = 1 + random.below(5);
  for (std::size_t i = 0; i < clients; ++i) scenario.clients.push_back(make_client(random, i));
  scenario.lives = make_lives(random);
  scenario.disk_delay_max = one_of<Duration, 4>(
      random, {microseconds(50), milliseconds(1), milliseconds(20), milliseconds(200)});
  scenario.trouble_every =
      one_of<Duration, 4>(random, {Duration(0), Duration(0), seconds(5), seconds(60)});
  return scenario;
}

}  // namespace sluice::simulation
