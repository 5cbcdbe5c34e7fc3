// RelayConfig: everything the operator can set, as one immutable value. Its keys are declared next
// to the structs (config.cc), read by core/config_file, and are those of sluice.example.toml.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/config_difference.h"
#include "core/config_problems.h"
#include "core/error.h"
#include "core/ip_address.h"
#include "core/log.h"
#include "core/rate.h"
#include "core/resolver.h"
#include "core/units.h"
#include "relay/message_class.h"
#include "relay/user.h"
#include "smtp/server_session.h"
#include "tls/version.h"

namespace sluice::relay {

enum class BareNewlines : std::uint8_t { reject, normalise };
enum class ReceivedDetail : std::uint8_t { full, hide_client };

// What an outgoing connection demands of TLS.
enum class TransportTls : std::uint8_t {
  none,           // it is not tried
  opportunistic,  // any certificate will do, and clear text where TLS fails
  required,       // any certificate will do
  verified,       // an authority vouches for the host's name
  implicit,       // likewise, from the first byte (RFC 8314)
};

struct CertificateSettings {
  std::string certificate;  // PEM files: the chain, and the key
  std::string key;
};

struct TlsSettings {
  std::vector<CertificateSettings> certificates;
  tls::Version min_version = tls::Version::tls_1_2;
  std::string ca = "/etc/ssl/certs/ca-certificates.crt";  // for TransportTls::verified and implicit
};

struct ListenerSettings {
  std::vector<Endpoint> address;
  smtp::TlsPolicy tls = smtp::TlsPolicy::none;
  smtp::AuthPolicy auth = smtp::AuthPolicy::off;
  bool auth_without_tls = false;
  std::optional<std::vector<IpNetwork>>
      relay_networks;                          // unset: loopback, if every address is loopback
  std::vector<IpNetwork> proxy_protocol = {};  // proxies that must announce their clients
  std::uint32_t connections = 20000;
  std::uint32_t connections_per_address = 100;
  std::optional<Rate> connection_rate_per_address = {};  // of clients outside relay_networks
  std::uint32_t errors_per_session = 20;
  BareNewlines bare_newlines = BareNewlines::reject;
  ReceivedDetail received = ReceivedDetail::full;
};

// A next hop as it is written: a name or an address, and a port.
struct SmartHost {
  std::string host;  // an IPv6 address without its brackets
  std::uint16_t port = 25;

  std::string to_string() const;  // "smtp.example.net:25", "[2001:db8::1]:25"

  friend bool operator==(const SmartHost&, const SmartHost&) = default;
};

struct RouteSettings {
  std::vector<std::string> domains = {"*"};  // "example.net", "*.example.net", "*"
  std::vector<std::string> tenants = {};     // only of these; none: of everybody
  std::vector<MessageClass> classes = {};    // likewise
  std::vector<SmartHost> smart_hosts;        // in order; none: each domain's own hosts, by MX
  std::optional<TransportTls> tls = {};      // unset: delivery.tls
  std::string username = {};                 // empty: no login
  std::optional<SecretSetting> password = {};
  std::optional<std::uint32_t> connections;  // on the whole node; unset: delivery.connections
};

struct TenantSettings {
  std::string name;
  MessageClass klass = MessageClass::bulk;  // of messages that claim none
  std::optional<Rate> quota = {};           // recipients accepted in a calendar day (UTC)
  std::uint64_t queued = 1'000'000;         // envelopes that wait
  ByteCount queued_size = gibibytes(20);    // what they take in the spool
};

struct RetrySettings {
  MessageClass klass = MessageClass::bulk;
  Duration first = std::chrono::minutes(5);
  double factor = 2.0;
  Duration max = std::chrono::hours(4);
  Duration expire = std::chrono::hours(72);

  friend bool operator==(const RetrySettings&, const RetrySettings&) = default;
};

struct LimitSettings {
  ByteCount message_size = ByteCount(50'000'000);
  std::uint32_t recipients_per_message = 1000;
  ByteCount memory = gibibytes(1);      // bodies kept in memory
  ByteCount disk_free = gibibytes(1);   // below it: 452
  std::uint32_t received_headers = 50;  // more is a loop
  std::uint32_t outgoing_connections = 20000;
};

// Notifications to senders (RFC 3461).
struct DsnSettings {
  bool failure = true;
  Rate rate = {.amount = 10'000, .period = std::chrono::hours(1), .max_burst = {}};
};

struct TimeoutSettings {  // RFC 5321 §4.5.3.2
  Duration connect = std::chrono::seconds(30);
  Duration greeting = std::chrono::minutes(5);
  Duration command = std::chrono::minutes(5);
  Duration data = std::chrono::minutes(3);
  Duration final = std::chrono::minutes(10);
  Duration idle = std::chrono::seconds(30);

  friend bool operator==(const TimeoutSettings&, const TimeoutSettings&) = default;
};

// Which addresses of a host are tried first.
enum class AddressPreference : std::uint8_t { ipv4, ipv6, both };

struct DeliverySettings {
  std::uint16_t port = 25;  // of hosts found by MX
  AddressPreference prefer = AddressPreference::both;
  std::vector<IpNetwork> allow_networks = {};  // not public, and yet destinations by MX
  TransportTls tls = TransportTls::opportunistic;
  tls::Version tls_min_version = tls::Version::tls_1_2;
  std::uint32_t connections = 20;  // per route, on the whole node
  std::uint32_t pipeline_depth = 8;
  std::uint32_t messages_per_connection = 0;  // 0: no limit but the peer's
  TimeoutSettings timeouts;

  friend bool operator==(const DeliverySettings&, const DeliverySettings&) = default;
};

// A server of the domain name system: an address, on port 53 unless another one is written.
struct DnsServer {
  Endpoint endpoint;

  std::string to_string() const;

  friend bool operator==(const DnsServer&, const DnsServer&) = default;
};

// What becomes of mail for a domain of which DNS says that it does not exist.
enum class NxDomain : std::uint8_t {
  confirm,  // it fails when a second look-up, kNxDomainConfirmation later, agrees
  fail,     // at once
};

struct DnsSettings {
  std::vector<DnsServer> servers = {};  // none: those of /etc/resolv.conf
  Duration timeout = std::chrono::seconds(2);
  std::uint32_t attempts = 3;
  bool rotate = false;
  TrustAd trust_ad = TrustAd::loopback;
  NxDomain nxdomain = NxDomain::confirm;
};

// How clients prove who they are; relay/authenticator.
struct AuthenticationSettings {
  std::uint32_t hashing_share = 25;  // percent of all cores, for checking password hashes
  std::uint32_t hashing_queue = 256;
  Duration remembered = std::chrono::minutes(5);  // what was proven; 0: not at all
  Duration failure_delay = std::chrono::seconds(1);
  Duration failure_window = std::chrono::minutes(10);
  std::uint32_t failures_per_address = 20;
  std::uint32_t failures_per_user = 100;
};

struct AdminSettings {
  std::string socket;            // of control; empty in the file: default_control_socket()
  std::optional<Endpoint> http;  // /metrics and /healthz; unset: not served
};

struct RelayConfig {
  std::vector<std::string> include;  // files read after the main one; patterns
  std::string hostname;              // empty in the file: the machine's full name
  std::string spool = "/var/lib/sluice/spool";
  std::uint32_t spool_partitions = 0;
  ByteCount spool_size = gibibytes(64);
  std::uint32_t spool_reserved = 10;  // percent, for the class transactional
  std::uint32_t shards = 0;
  std::string run_as;     // the user after the ports are bound; empty: who started it
  std::string user_file;  // empty in the file: default_user_file()
  LogSettings log;
  std::vector<ListenerSettings> listeners;
  std::vector<RouteSettings> routes;
  TlsSettings tls;
  std::vector<TenantSettings> tenants;
  std::vector<RetrySettings> retries;  // one per class, in the order of MessageClass
  std::vector<UserSettings> users;     // of the configuration, without those of user_file
  AuthenticationSettings authentication;
  LimitSettings limits;
  DnsSettings dns;
  DeliverySettings delivery;
  DsnSettings dsn;
  AdminSettings admin;
};

// What `sluice serve` says on its command line; applied over the file.
struct CommandLineSettings {
  std::string config_file;          // empty: none
  std::vector<std::string> listen;  // --listen ADDRESS:PORT, instead of the file's listeners
  std::vector<std::string>
      smart_hosts;                 // --smart-host HOST:PORT, one route "*", instead of the file's
  std::vector<std::string> allow;  // --allow CIDR: relay_networks of the --listen listeners
  std::optional<std::string> spool;
  std::optional<std::uint32_t> shards;
  std::optional<std::string> hostname;
  std::vector<std::string> set;  // --set KEY=VALUE
};

// Reads, merges and validates. All problems at once, one per line, in the Error's sentence.
Result<std::shared_ptr<const RelayConfig>> load_config(const CommandLineSettings& command_line);

// The same for a program that wants the problems one by one. No config when there are problems.
struct CheckedConfig {
  std::shared_ptr<const RelayConfig> config;
  std::vector<ConfigProblem> problems;
};
CheckedConfig check_config(const CommandLineSettings& command_line);

// Reads the keys of a document and checks them against each other; asks the machine nothing.
RelayConfig read_config(const ConfigNode& document, ConfigProblems& problems);

// The file of users of a relay whose user_file is not set: beside its spool directory.
std::string default_user_file(const std::string& spool);

// The control socket of a relay whose admin.socket is not set: beside its spool directory.
std::string default_control_socket(const std::string& spool);

// What differs between two configurations, in the order of their keys.
std::vector<ConfigChange> config_changes(const RelayConfig& before, const RelayConfig& after);

// The TOML that reads back to the same configuration.
std::string effective_config(const RelayConfig& config);

// The text of `sluice config reference`: every key with type, unit, default, bounds and sentence.
std::string config_reference();
std::string config_reference_markdown();  // docs/configuration.md

}  // namespace sluice::relay
