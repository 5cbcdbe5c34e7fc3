#include "relay/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "core/config_file.h"

namespace sluice::relay {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kListener = "[[listener]]\naddress = \"127.0.0.1:2525\"\n";
constexpr std::string_view kRoute = "[[route]]\nsmart_hosts = [\"127.0.0.1:2526\"]\n";

struct Read {
  RelayConfig config;
  std::vector<std::string> problems;
};

Read read(const std::string& text) {
  ConfigProblems problems;
  const ConfigNode document = parse_config_text(text, "f", problems);
  Read result{read_config(document, problems), {}};
  for (const auto& problem : problems.sorted()) result.problems.push_back(problem.to_string());
  return result;
}

// With a listener and a route in front, on lines 1 to 4.
Read read_more(std::string_view text) {
  return read(std::string(kListener) + std::string(kRoute) + std::string(text));
}

CommandLineSettings bare_command_line() {
  CommandLineSettings settings;
  settings.listen = {"127.0.0.1:2525"};
  settings.smart_hosts = {"127.0.0.1:2526"};
  settings.hostname = "relay.example";
  return settings;
}

std::string problems_of(const CommandLineSettings& settings) {
  const auto config = load_config(settings);
  return config ? "" : config.error().sentence();
}

TEST(ReadConfig, DefaultsAreThoseOfTheStructs) {
  const auto [config, problems] = read_more("");
  EXPECT_THAT(problems, ElementsAre());
  EXPECT_EQ(config.spool, "/var/lib/sluice/spool");
  EXPECT_EQ(config.limits.message_size, ByteCount(50'000'000));
  EXPECT_EQ(config.delivery.pipeline_depth, 8U);
  EXPECT_THAT(config.routes.at(0).domains, ElementsAre("*"));
  EXPECT_FALSE(config.listeners.at(0).relay_networks.has_value());
}

TEST(ReadConfig, TakesEveryKeyOfThisVersion) {
  const auto [config, problems] = read(R"(
    hostname = "relay.example.com"
    spool = "/x/spool"
    spool_partitions = 2
    spool_size = "1GiB"
    shards = 3
    run_as = "sluice"
    [log]
    level = "debug"
    format = "json"
    file = "/x/log"
    [[listener]]
    address = ["0.0.0.0:25", "[::]:25"]
    tls = "none"
    auth = "off"
    relay_networks = ["192.0.2.0/24"]
    connections = 7
    connections_per_address = 6
    errors_per_session = 5
    bare_newlines = "normalise"
    received = "full"
    [[route]]
    domains = ["Example.NET", "*.example.net"]
    smart_hosts = ["smtp.example.net:587", "[2001:db8::1]:25"]
    tls = "none"
    connections = 9
    [[retry]]
    class = "transactional"
    first = "1m"
    factor = 1.5
    max = "30m"
    expire = "24h"
    [limits]
    message_size = "1MB"
    recipients_per_message = 10
    memory = "4MiB"
    disk_free = "0B"
    received_headers = 20
    outgoing_connections = 30
    [delivery]
    tls = "none"
    connections = 4
    pipeline_depth = 64
    [delivery.timeouts]
    connect = "1s"
    greeting = "2s"
    command = "3s"
    data = "4s"
    final = "5s"
    idle = "6s"
    [admin]
    socket = "/x/socket"
  )");
  EXPECT_THAT(problems, ElementsAre());
  EXPECT_EQ(config.shards, 3U);
  EXPECT_EQ(config.run_as, "sluice");
  EXPECT_EQ(config.log.format, LogFormat::json);
  EXPECT_EQ(config.listeners.at(0).address.size(), 2U);
  EXPECT_EQ(config.listeners.at(0).bare_newlines, BareNewlines::normalise);
  EXPECT_THAT(config.routes.at(0).domains, ElementsAre("example.net", "*.example.net"));
  EXPECT_EQ(config.routes.at(0).smart_hosts.at(1).host, "2001:db8::1");
  EXPECT_EQ(config.routes.at(0).connections, 9U);
  EXPECT_EQ(config.retries.at(1).first, minutes(1));
  EXPECT_EQ(config.limits.disk_free, ByteCount(0));
  EXPECT_EQ(config.delivery.timeouts.idle, seconds(6));
  EXPECT_EQ(config.admin.socket, "/x/socket");
}

TEST(ReadConfig, TheControlSocketIsBesideTheSpool) {
  EXPECT_EQ(read_more("").config.admin.socket, "/var/lib/sluice/control.sock");
  EXPECT_EQ(read("spool = \"/x/spool\"\n").config.admin.socket, "/x/control.sock");
  EXPECT_EQ(read("spool = \"spool\"\n").config.admin.socket, "control.sock");
}

TEST(ReadConfig, BulkAlwaysHasASchedule) {
  const auto [config, problems] = read_more("[[retry]]\nclass = \"transactional\"\n");
  EXPECT_THAT(problems, ElementsAre());
  ASSERT_EQ(config.retries.size(), 3U);
  EXPECT_EQ(config.retries[0].klass, MessageClass::bulk);
  EXPECT_EQ(config.retries[1].expire, hours(72));
}

struct RuleCase {
  const char* name;
  const char* text;  // after a listener and a route, from line 5 on
  const char* problem;
};

class ConfigRules : public testing::TestWithParam<RuleCase> {};

TEST_P(ConfigRules, AreReportedWhereTheKeyIsSet) {
  EXPECT_THAT(read_more(GetParam().text).problems, ElementsAre(HasSubstr(GetParam().problem)));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ConfigRules,
    testing::Values(
        RuleCase{"listener_without_address", "[[listener]]\n",
                 "f:5:1: listener[1].address: found "},
        RuleCase{"address_twice", "[[listener]]\naddress = [\"[::]:25\", \"127.0.0.1:2525\"]\n",
                 "f:6:23: listener[1].address[1]: found 127.0.0.1:2525 twice, first as "
                 "listener[0].address"},
        RuleCase{"domain_twice", "[[route]]\nsmart_hosts = \"a.example:25\"\n",
                 "route[1].domains: found \"*\" twice, first as route[0].domains"},
        RuleCase{"domain_twice_in_other_case",
                 "[[route]]\nsmart_hosts = \"a.example:25\"\ndomains = [\"b.example\", "
                 "\"B.Example\"]\n",
                 "f:7:25: route[1].domains[1]: found \"b.example\" twice"},
        RuleCase{"bad_pattern",
                 "[[route]]\nsmart_hosts = \"a.example:25\"\ndomains = \"a.*.example\"\n",
                 "f:7:11: route[1].domains: found \"a.*.example\", expected"},
        RuleCase{"pattern_with_address",
                 "[[route]]\nsmart_hosts = \"a.example:25\"\ndomains = \"[192.0.2.1]\"\n",
                 "route[1].domains: found"},
        RuleCase{"no_domains", "[[route]]\nsmart_hosts = \"a.example:25\"\ndomains = []\n",
                 "f:7:11: route[1].domains: found none"},
        RuleCase{"login_in_clear",
                 "[[route]]\nsmart_hosts = \"a.example:25\"\ndomains = \"a.example\"\n"
                 "username = \"relay\"\npassword = { env = \"X\" }\n",
                 "f:8:12: route[1].username: found a login that may go out in clear"},
        RuleCase{"login_without_password",
                 "[[route]]\nsmart_hosts = \"a.example:25\"\ndomains = \"a.example\"\n"
                 "tls = \"required\"\nusername = \"relay\"\n",
                 "route[1].password: found none, expected username and password together"},
        RuleCase{"password_without_login",
                 "[[route]]\nsmart_hosts = \"a.example:25\"\ndomains = \"a.example\"\n"
                 "tls = \"required\"\npassword = { env = \"X\" }\n",
                 "route[1].username: found none, expected username and password together"},
        RuleCase{"address_that_is_verified",
                 "[[route]]\nsmart_hosts = \"192.0.2.1:25\"\ndomains = \"a.example\"\n"
                 "tls = \"verified\"\n",
                 "f:6:15: route[1].smart_hosts: found the address 192.0.2.1, expected a name"},
        RuleCase{"implicit_for_all", "[delivery]\ntls = \"implicit\"\n",
                 "delivery.tls: found \"implicit\", expected it on the [[route]]"},
        RuleCase{"route_of_an_unknown_tenant",
                 "[[route]]\ndomains = \"a.example\"\ntenants = [\"acme\"]\n",
                 "route[1].tenants: found \"acme\", expected the name of a [[tenant]]"},
        RuleCase{"pattern_twice_for_one_class",
                 "[[route]]\nclasses = [\"dsn\"]\n[[route]]\nclasses = [\"dsn\"]\n",
                 "found \"*\" twice"},
        RuleCase{"tenant_of_class_dsn", "[[tenant]]\nname = \"acme\"\nclass = \"dsn\"\n",
                 "tenant[0].class: found \"dsn\", expected \"bulk\" or \"transactional\""},
        RuleCase{"login_without_smart_hosts",
                 "[[route]]\ndomains = \"a.example\"\ntls = \"required\"\nusername = \"u\"\n"
                 "password = { env = \"P\" }\n",
                 "route[1].username: found a login on a route without smart_hosts"},
        RuleCase{"implicit_without_smart_hosts",
                 "[[route]]\ndomains = \"a.example\"\ntls = \"implicit\"\n",
                 "route[1].tls: found \"implicit\" on a route without smart_hosts"},
        RuleCase{"smart_host_is_ourselves",
                 "[[route]]\ndomains = \"a.example\"\nsmart_hosts = [\"127.0.0.1:2525\"]\n",
                 "f:7:16: route[1].smart_hosts[0]: found this relay's own listener"},
        RuleCase{"retry_max_below_first", "[[retry]]\nfirst = \"5m\"\nmax = \"4m\"\n",
                 "f:7:7: retry[0].max: found 4m, expected at least first, 5m"},
        RuleCase{"retry_expire_below_first", "[[retry]]\nfirst = \"5m\"\nexpire = \"4m\"\n",
                 "f:7:10: retry[0].expire: found 4m, expected at least first, 5m"},
        RuleCase{"retry_factor_below_one", "[[retry]]\nfactor = 0.9\n",
                 "f:6:10: retry[0].factor: found 0.9, expected a number from 1.0 to 100.0"},
        RuleCase{"retry_twice", "[[retry]]\n[[retry]]\nclass = \"bulk\"\n",
                 "f:7:9: retry[1].class: found \"bulk\" twice, first in retry[0]"},
        RuleCase{"retry_of_own_class", "[[retry]]\nclass = \"news\"\n",
                 "found \"news\", expected \"bulk\", \"transactional\" or \"dsn\""},
        RuleCase{"socket_path_too_long",
                 "[admin]\nsocket = "
                 "\"/0123456789012345678901234567890123456789012345678901234567890123456789012345"
                 "6789012345678901234567890123456\"\n",
                 "f:6:10: admin.socket: found a path of 108 bytes, expected at most 107"}),
    [](const auto& info) { return info.param.name; });

TEST(ConfigRules, AreNotRepeatedForAKeyThatIsWrongAlready) {
  EXPECT_THAT(read("[[listener]]\naddress = \"x\"\n[[route]]\nsmart_hosts = \"x\"\n").problems,
              ElementsAre(HasSubstr("listener[0].address: found \"x\", expected an address:port"),
                          HasSubstr("route[0].smart_hosts: found \"x\", expected a host:port")));
}

TEST(ConfigRules, SayNothingAboutAFileThatCannotBeParsed) {
  EXPECT_THAT(read("spool = \n").problems, ElementsAre(HasSubstr("f:1:")));
}

TEST(ConfigRules, TeachWhatAStartNeeds) {
  EXPECT_THAT(read("").problems, ElementsAre(HasSubstr("--listen 127.0.0.1:2525")));
}

TEST(ReadConfig, WithoutRoutesAllMailGoesToTheHostsThatDnsNames) {
  const auto [config, problems] = read(std::string(kListener));
  EXPECT_THAT(problems, testing::IsEmpty());
  ASSERT_EQ(config.routes.size(), 1U);
  EXPECT_THAT(config.routes[0].domains, ElementsAre("*"));
  EXPECT_THAT(config.routes[0].smart_hosts, testing::IsEmpty());
}

TEST(ReadConfig, ADnsServerIsAnAddressWithOrWithoutAPort) {
  const auto [config, problems] =
      read(std::string(kListener) + "[dns]\nservers = [\"127.0.0.1\", \"[::1]:5353\", \"::1\"]\n");
  EXPECT_THAT(problems, testing::IsEmpty());
  std::vector<std::string> servers;
  for (const DnsServer& server : config.dns.servers) servers.push_back(server.to_string());
  EXPECT_THAT(servers, ElementsAre("127.0.0.1:53", "[::1]:5353", "[::1]:53"));
}

struct HostCase {
  const char* name;
  const char* text;
  const char* host;  // null: must be refused
  std::uint16_t port;
};

class SmartHostText : public testing::TestWithParam<HostCase> {};

TEST_P(SmartHostText, IsAHostAndAPort) {
  const std::string text = GetParam().text;
  const auto [config, problems] =
      read(std::string(kListener) + "[[route]]\nsmart_hosts = \"" + text + "\"\n");
  ASSERT_EQ(problems.empty(), GetParam().host != nullptr) << testing::PrintToString(problems);
  if (GetParam().host == nullptr) return;
  EXPECT_EQ(config.routes.at(0).smart_hosts.at(0).host, GetParam().host);
  EXPECT_EQ(config.routes.at(0).smart_hosts.at(0).port, GetParam().port);
  EXPECT_EQ(config.routes.at(0).smart_hosts.at(0).to_string(), text);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, SmartHostText,
    testing::Values(HostCase{"name", "smtp.example.net:587", "smtp.example.net", 587},
                    HostCase{"short_name", "upstream:25", "upstream", 25},
                    HostCase{"ipv4", "192.0.2.1:25", "192.0.2.1", 25},
                    HostCase{"ipv6", "[2001:db8::1]:65535", "2001:db8::1", 65535},
                    HostCase{"no_port", "smtp.example.net", nullptr, 0},
                    HostCase{"empty_port", "smtp.example.net:", nullptr, 0},
                    HostCase{"port_zero", "smtp.example.net:0", nullptr, 0},
                    HostCase{"address_port_zero", "192.0.2.1:0", nullptr, 0},
                    HostCase{"port_past_the_last", "smtp.example.net:65536", nullptr, 0},
                    HostCase{"port_with_sign", "smtp.example.net:+25", nullptr, 0},
                    HostCase{"no_host", ":25", nullptr, 0},
                    HostCase{"ipv6_without_brackets", "2001:db8::1:25", nullptr, 0},
                    HostCase{"no_ipv4", "300.1.1.1:25", nullptr, 0},
                    HostCase{"literal", "[192.0.2.1]:25", nullptr, 0},
                    HostCase{"space", "smtp.example.net :25", nullptr, 0}),
    [](const auto& info) { return info.param.name; });

TEST(LoadConfig, NeedsNoFile) {
  const auto config = load_config(bare_command_line());
  ASSERT_TRUE(config.has_value()) << config.error().sentence();
  EXPECT_EQ((*config)->hostname, "relay.example");
  EXPECT_EQ((*config)->listeners.at(0).address.at(0).to_string(), "127.0.0.1:2525");
  EXPECT_EQ((*config)->routes.at(0).smart_hosts.at(0).to_string(), "127.0.0.1:2526");
}

TEST(LoadConfig, NamesTheMachineWhenNobodyElseDoes) {
  auto settings = bare_command_line();
  settings.hostname.reset();
  const auto config = load_config(settings);
  ASSERT_TRUE(config.has_value()) << config.error().sentence();
  EXPECT_FALSE((*config)->hostname.empty());
}

TEST(LoadConfig, EachListenIsAListenerThatAllowsTheSameNetworks) {
  auto settings = bare_command_line();
  settings.listen.emplace_back("[::1]:2525");
  settings.allow = {"192.0.2.0/24"};
  const auto config = load_config(settings);
  ASSERT_TRUE(config.has_value()) << config.error().sentence();
  ASSERT_EQ((*config)->listeners.size(), 2U);
  for (const auto& listener : (*config)->listeners) {
    ASSERT_TRUE(listener.relay_networks);
    EXPECT_EQ(listener.relay_networks->at(0).to_string(), "192.0.2.0/24");
  }
}

TEST(LoadConfig, SetComesLastAndReachesEveryKey) {
  auto settings = bare_command_line();
  settings.shards = 2;
  settings.spool = "/y/spool";
  settings.set = {"shards=4", "listener[0].connections=5", "route[0].connections=6",
                  "limits.memory=2GiB"};
  const auto config = load_config(settings);
  ASSERT_TRUE(config.has_value()) << config.error().sentence();
  EXPECT_EQ((*config)->shards, 4U);
  EXPECT_EQ((*config)->spool, "/y/spool");
  EXPECT_EQ((*config)->listeners.at(0).connections, 5U);
  EXPECT_EQ((*config)->routes.at(0).connections, 6U);
  EXPECT_EQ((*config)->limits.memory, gibibytes(2));
}

TEST(LoadConfig, NamesTheOptionThatIsWrong) {
  auto settings = bare_command_line();
  settings.listen = {"127.0.0.1"};
  settings.smart_hosts = {"nowhere"};
  settings.allow = {"10.0.0.1/8"};
  settings.shards = 1000;
  settings.set = {"limits.memory=lots"};
  EXPECT_EQ(
      problems_of(settings),
      "--shards: found 1000, expected a whole number from 0 to 128\n"
      "--listen: found \"127.0.0.1\", expected an address:port such as \"127.0.0.1:2525\"\n"
      "--allow: found \"10.0.0.1/8\", expected a network such as \"192.0.2.0/24\"\n"
      "--smart-host: found \"nowhere\", expected a host:port such as \"smtp.example.net:25\"\n"
      "--set limits.memory: found \"lots\", expected a size from \"4MiB\" to \"4TiB\", such "
      "as \"50MB\"");
}

TEST(LoadConfig, AllowNeedsListen) {
  auto settings = bare_command_line();
  settings.listen.clear();
  settings.allow = {"192.0.2.0/24"};
  EXPECT_THAT(problems_of(settings), HasSubstr("--allow: expected together with --listen"));
}

TEST(LoadConfig, ProblemsOfAFileNameIt) {
  CommandLineSettings settings;
  settings.config_file = "/nonexistent/sluice.toml";
  EXPECT_EQ(problems_of(settings),
            "/nonexistent/sluice.toml: cannot be read: No such file or directory");
}

TEST(EffectiveConfig, ReadsBackToTheSame) {
  auto settings = bare_command_line();
  settings.set = {"route[1].domains=[\"a.example\"]", "route[1].smart_hosts=[\"[::1]:26\"]",
                  "delivery.timeouts.idle=1500ms", "listener[0].relay_networks=[]"};
  const auto config = load_config(settings);
  ASSERT_TRUE(config.has_value()) << config.error().sentence();
  const std::string text = effective_config(**config);
  const auto [again, problems] = read(text);
  EXPECT_THAT(problems, ElementsAre());
  EXPECT_EQ(effective_config(again), text);
}

TEST(ConfigReference, ExplainsEveryKeyOfTheEffectiveConfiguration) {
  const auto config = load_config(bare_command_line());
  ASSERT_TRUE(config.has_value()) << config.error().sentence();
  ConfigProblems problems;
  const auto document = parse_config_text(effective_config(**config), "f", problems);
  const std::string reference = config_reference();
  for (const ConfigEntry& entry : document.entries) {
    EXPECT_THAT(reference, HasSubstr(entry.name));
    for (const ConfigEntry& inner : entry.value.entries) {
      if (inner.value.kind == ConfigNode::Kind::table) continue;
      EXPECT_THAT(reference, HasSubstr("  " + inner.name + " = "));
    }
  }
}

}  // namespace
}  // namespace sluice::relay
