// The keys of the configuration, declared once. Names and meanings are those of
// sluice.example.toml; defaults are those of the structs in relay/config.h.
//
// The order is that of the reference. Only relay/config.cc includes this.
#pragma once

#include <array>
#include <string_view>
#include <tuple>

#include "core/config_schema.h"
#include "relay/config.h"
#include "relay/user_keys.h"

namespace sluice {

template <>
struct ConfigNames<LogLevel> {
  static constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};
};

template <>
struct ConfigNames<LogFormat> {
  static constexpr std::array<std::string_view, 2> kNames = {"text", "json"};
};

template <>
struct ConfigNames<relay::BareNewlines> {
  static constexpr std::array<std::string_view, 2> kNames = {"reject", "normalise"};
};

template <>
struct ConfigNames<relay::ReceivedDetail> {
  static constexpr std::array<std::string_view, 2> kNames = {"full", "hide-client"};
};

template <>
struct ConfigNames<tls::Version> {
  static constexpr std::array<std::string_view, 2> kNames = {"1.2", "1.3"};
};

template <>
struct ConfigNames<relay::TransportTls> {
  static constexpr std::array<std::string_view, 5> kNames = {"none", "opportunistic", "required",
                                                             "verified", "implicit"};
};

template <>
struct ConfigNames<relay::AddressPreference> {
  static constexpr std::array<std::string_view, 3> kNames = {"ipv4", "ipv6", "both"};
};

template <>
struct ConfigNames<TrustAd> {
  static constexpr std::array<std::string_view, 3> kNames = {"loopback", "always", "never"};
};

template <>
struct ConfigNames<relay::NxDomain> {
  static constexpr std::array<std::string_view, 2> kNames = {"confirm", "fail"};
};

template <>
struct ConfigNames<relay::MessageClass> {
  static constexpr auto kNames = relay::kMessageClassNames;
};

template <>
struct ConfigNames<smtp::TlsPolicy> {
  static constexpr std::array<std::string_view, 4> kNames = {"none", "starttls", "required",
                                                             "implicit"};
};

template <>
struct ConfigNames<smtp::AuthPolicy> {
  static constexpr std::array<std::string_view, 3> kNames = {"off", "optional", "required"};
};

template <>
struct ConfigText<relay::SmartHost> {
  static constexpr std::string_view kName = "host:port";
  static constexpr std::string_view kExample = "smtp.example.net:25";
  static std::optional<relay::SmartHost> parse(std::string_view text);
  static std::string show(const relay::SmartHost& host) { return host.to_string(); }
};

template <>
struct ConfigText<relay::DnsServer> {
  static constexpr std::string_view kName = "address or address:port";
  static constexpr std::string_view kExample = "127.0.0.1";
  static std::optional<relay::DnsServer> parse(std::string_view text);
  static std::string show(const relay::DnsServer& server) { return server.to_string(); }
};

}  // namespace sluice

namespace sluice::relay {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kLogKeys = std::tuple{
    key("level", &LogSettings::level,
        "The least important events that are written: error (someone must act), warning (worth "
        "knowing), info (the life of messages and connections), debug."),
    key("format", &LogSettings::format, "Lines for people, or one JSON object per line."),
    key("file", &LogSettings::file, "The file to append to.").unset("standard error"),
};

constexpr auto kListenerKeys = std::tuple{
    key("address", &ListenerSettings::address,
        "Where clients connect: an address with a port, or a list of them.")
        .unset("none: each listener needs one")
        .at_restart(),
    key("tls", &ListenerSettings::tls,
        "Encryption of incoming connections: none; starttls is offered; it is required before "
        "anything is sent; implicit, from the first byte. All but none need tls.certificates."),
    key("auth", &ListenerSettings::auth,
        "Whether clients outside relay_networks may log in (AUTH), or must."),
    key("auth_without_tls", &ListenerSettings::auth_without_tls,
        "Whether passwords may be sent over connections that are not encrypted."),
    key("relay_networks", &ListenerSettings::relay_networks,
        "Clients that may send through this relay; everyone else is refused with 550 5.7.1.")
        .unset("loopback, if every address of the listener is loopback; else nobody"),
    key("proxy_protocol", &ListenerSettings::proxy_protocol,
        "Networks of proxies that must announce each client by the PROXY protocol (version 1 or 2) "
        "within 5 seconds; nobody else may. Rights and limits are those of the announced address.")
        .unset("nobody"),
    key("connections", &ListenerSettings::connections, range(1, 1'000'000),
        "Connections at a time; beyond it the answer is 421."),
    key("connections_per_address", &ListenerSettings::connections_per_address, range(1, 1'000'000),
        "Connections at a time from one client address; beyond it the answer is 421."),
    key("connection_rate_per_address", &ListenerSettings::connection_rate_per_address,
        "New connections from one client address outside relay_networks; beyond it the answer is "
        "421. Without max_burst, all of them may come at once.")
        .unset("no limit"),
    key("errors_per_session", &ListenerSettings::errors_per_session, range(1, 1000),
        "Wrong commands after which a session is ended with 421."),
    key("bare_newlines", &ListenerSettings::bare_newlines,
        "What happens to a message with a CR or LF that stands alone: it is refused, or each one "
        "becomes CRLF."),
    key("received", &ListenerSettings::received,
        "Whether the Received header names the client's address and name, or hides them."),
};

constexpr auto kCertificateKeys = std::tuple{
    key("certificate", &CertificateSettings::certificate,
        "The file of the certificate and of those that lead to its root, in PEM.")
        .unset("none: each certificate needs one"),
    key("key", &CertificateSettings::key, "The file of its private key, in PEM.")
        .unset("none: each certificate needs one"),
};

constexpr auto kTlsKeys = std::tuple{
    tables("certificates", &TlsSettings::certificates, kCertificateKeys,
           "What the listeners show; chosen by the name that the client asks for and by what it "
           "can verify, so that one with RSA and one with ECDSA may stand side by side."),
    key("min_version", &TlsSettings::min_version, "The oldest version of TLS that is spoken."),
    key("ca", &TlsSettings::ca,
        "A file of certificates, in PEM: the authorities that are trusted where a route verifies "
        "the name of its smart host."),
};

constexpr auto kTenantKeys = std::tuple{
    key("name", &TenantSettings::name,
        "What users name as their tenant: letters, digits, dots, hyphens, underscores.")
        .unset("none: each tenant needs one"),
    key("class", &TenantSettings::klass, "The class of its messages that claim none."),
    key("quota", &TenantSettings::quota,
        "Recipients accepted in a calendar day (UTC), such as \"500k/day\"; beyond it the answer "
        "is "
        "452 4.5.3. Exact across crashes.")
        .unset("no limit"),
    key("queued", &TenantSettings::queued,
        range(std::uint64_t{1}, std::uint64_t{1'000'000'000'000}),
        "Envelopes that may wait; beyond it the answer is 452 4.3.1, to this tenant only."),
    key("queued_size", &TenantSettings::queued_size, range(kibibytes(1), gibibytes(1 << 20)),
        "What they may take of the spool; likewise."),
    not_available("pool", "weight", "delivery_rate", "dsn"),
};

constexpr auto kRouteKeys = std::tuple{
    key("domains", &RouteSettings::domains,
        "Recipient domains of this route: \"example.net\", \"*.example.net\" for those below it, "
        "\"*\" for all; the most specific pattern wins."),
    key("tenants", &RouteSettings::tenants,
        "Only mail of these tenants takes the route. Of routes with one pattern, one that names "
        "the tenant wins, then one that names the class, then the first.")
        .unset("of everybody"),
    key("classes", &RouteSettings::classes,
        "Only mail of these classes takes the route; dsn is that of the relay's own notifications.")
        .unset("of all"),
    key("smart_hosts", &RouteSettings::smart_hosts,
        "Where the mail goes: relays in order of preference; the next one is used while one is "
        "down.")
        .unset("to the hosts of each recipient's domain, which DNS names (MX)"),
    key("tls", &RouteSettings::tls,
        "Encryption of the connections to the smart hosts: none; opportunistic, with any "
        "certificate, and in clear where TLS fails; required, with any certificate; verified: an "
        "authority of tls.ca vouches for the host's name; implicit: likewise, and TLS from the "
        "first byte.")
        .unset("delivery.tls"),
    key("username", &RouteSettings::username,
        "Who the relay is to the smart hosts (AUTH PLAIN or LOGIN). Needs TLS that is required.")
        .unset("no login"),
    key("password", &RouteSettings::password, "The password of that user.").unset("no login"),
    key("connections", &RouteSettings::connections, range(1, 100'000),
        "Connections to this route at a time, on the whole node; without smart_hosts, to each set "
        "of hosts that DNS names.")
        .unset("delivery.connections"),
    not_available("senders"),
};

constexpr auto kRetryKeys = std::tuple{
    key("class", &RetrySettings::klass, "The class of messages that this schedule is for."),
    key("first", &RetrySettings::first, range(milliseconds(100), hours(24)),
        "The wait after the first failed attempt; each wait is varied at random."),
    key("factor", &RetrySettings::factor, range(1.0, 100.0),
        "How much longer each further wait is."),
    key("max", &RetrySettings::max, range(milliseconds(100), hours(240)), "The longest wait."),
    key("expire", &RetrySettings::expire, range(seconds(1), hours(720)),
        "How long after its arrival a message is given up."),
};

constexpr auto kLimitKeys = std::tuple{
    key("message_size", &LimitSettings::message_size, range(ByteCount(1000), gibibytes(2)),
        "The largest message that is accepted; announced by SIZE."),
    key("recipients_per_message", &LimitSettings::recipients_per_message, range(1, 50'000),
        "Recipients of one message; further ones get 452."),
    key("memory", &LimitSettings::memory, range(mebibytes(4), gibibytes(4096)),
        "Memory for bodies, on the whole node."),
    key("disk_free", &LimitSettings::disk_free, range(ByteCount(0), gibibytes(1 << 20)),
        "Free space on the spool's disk below which new mail is answered 452."),
    key("received_headers", &LimitSettings::received_headers, range(1, 1000),
        "Received headers beyond which a message is taken to be in a loop and refused."),
    key("outgoing_connections", &LimitSettings::outgoing_connections, range(1, 1'000'000),
        "Outgoing connections at a time, on the whole node."),
};

// RFC 5321 4.5.3.2 gives the values that a client should at least wait.
constexpr auto kTimeoutKeys = std::tuple{
    key("connect", &TimeoutSettings::connect, range(milliseconds(10), hours(1)),
        "To open a connection."),
    key("greeting", &TimeoutSettings::greeting, range(milliseconds(10), hours(1)),
        "From the connection to the peer's 220."),
    key("command", &TimeoutSettings::command, range(milliseconds(10), hours(1)),
        "For the reply to EHLO, MAIL, RCPT, DATA and RSET."),
    key("data", &TimeoutSettings::data, range(milliseconds(10), hours(1)),
        "Between two progresses of a body."),
    key("final", &TimeoutSettings::final, range(milliseconds(10), hours(1)),
        "For the reply after the end of a body."),
    key("idle", &TimeoutSettings::idle, range(milliseconds(10), hours(1)),
        "How long an unused connection is kept."),
};

constexpr auto kDnsKeys = std::tuple{
    key("servers", &DnsSettings::servers,
        "The servers that are asked, in order. A validating one on this machine, such as unbound, "
        "is best.")
        .unset("those of /etc/resolv.conf")
        .at_restart(),
    key("timeout", &DnsSettings::timeout, range(milliseconds(50), minutes(1)),
        "How long a server has in the first round; it doubles with each further round.")
        .at_restart(),
    key("attempts", &DnsSettings::attempts, range(1, 10), "Rounds over the servers.").at_restart(),
    key("rotate", &DnsSettings::rotate,
        "Whether the servers are asked in turns; else the first one that answers.")
        .at_restart(),
    key("trust_ad", &DnsSettings::trust_ad,
        "Whose word that an answer is authentic (the AD bit) counts for DANE: that of servers on "
        "this machine (when all of them are), of any, or nobody's.")
        .at_restart(),
    key("nxdomain", &DnsSettings::nxdomain,
        "What becomes of mail for a domain that does not exist, or has no host: it fails when a "
        "second look-up, 15 minutes later, agrees (confirm), or at once (fail)."),
};

constexpr auto kDeliveryKeys = std::tuple{
    key("port", &DeliverySettings::port, range(1, 65'535),
        "The port of hosts that DNS names; other values than 25 serve tests."),
    key("prefer", &DeliverySettings::prefer,
        "Which addresses of a host that DNS names are tried first."),
    key("allow_networks", &DeliverySettings::allow_networks,
        "Networks whose addresses are destinations although they are not public: loopback, "
        "private and the like. A host that DNS names has no other way there; smart hosts may be "
        "anywhere.")
        .unset("none"),
    key("tls", &DeliverySettings::tls,
        "Encryption of outgoing connections, unless a route says otherwise: none, opportunistic, "
        "required or verified; [[route]] tells what each means."),
    key("tls_min_version", &DeliverySettings::tls_min_version,
        "The oldest version of TLS that is spoken to other servers."),
    key("connections", &DeliverySettings::connections, range(1, 100'000),
        "Connections at a time, on the whole node, to the hosts of a route, and without "
        "smart_hosts to each set of hosts that DNS names; unless the route says otherwise."),
    key("pipeline_depth", &DeliverySettings::pipeline_depth, range(1, 64),
        "Messages sent ahead of their replies on one connection, at most. To hosts that DNS names "
        "it begins at 1 and grows with each message that goes well."),
    key("messages_per_connection", &DeliverySettings::messages_per_connection, range(0, 1'000'000),
        "Messages after which a connection is closed; 0: as many as the host's LIMITS allow."),
    table("timeouts", &DeliverySettings::timeouts, kTimeoutKeys,
          "How long the relay waits for a peer (RFC 5321 4.5.3.2)."),
    not_available("dane", "mta_sts"),
};

constexpr auto kDsnKeys = std::tuple{
    key("failure", &DsnSettings::failure,
        "Whether senders are told by mail when a recipient fails or expires, and of success where "
        "they ask for it (RFC 3461). They may ask for less."),
    key("rate", &DsnSettings::rate,
        "Notifications to one reverse-path, counted from the first: beyond it they are left out, "
        "and logged. Against floods for somebody whose address was forged.")
        .at_restart(),
    not_available("delay", "delay_after"),
};

constexpr auto kAuthenticationKeys = std::tuple{
    key("hashing_share", &AuthenticationSettings::hashing_share, range(1, 100),
        "Percent of the machine's processor time that checking password hashes may take; beyond "
        "it new logins wait, and the answer is 454 when too many do.")
        .at_restart(),
    key("hashing_queue", &AuthenticationSettings::hashing_queue, range(1, 10'000),
        "Logins that wait for the check of a hash.")
        .at_restart(),
    key("remembered", &AuthenticationSettings::remembered, range(seconds(0), hours(24)),
        "How long a password that was right needs no further check of its hash. A user who is "
        "changed, disabled or removed is forgotten at once.")
        .at_restart(),
    key("failure_delay", &AuthenticationSettings::failure_delay, range(milliseconds(0), minutes(1)),
        "How long after a wrong password the answer comes; it doubles with each further failure of "
        "the address or the user, up to 30 seconds or this, whichever is longer.")
        .at_restart(),
    key("failure_window", &AuthenticationSettings::failure_window, range(seconds(1), hours(24)),
        "How long failures are counted together.")
        .at_restart(),
    key("failures_per_address", &AuthenticationSettings::failures_per_address, range(1, 1'000'000),
        "Failures in that time after which logins from a client address (of IPv6: from its /64) "
        "are answered 421.")
        .at_restart(),
    key("failures_per_user", &AuthenticationSettings::failures_per_user, range(1, 1'000'000),
        "Failures in that time after which logins of a user are answered 454, unless his password "
        "is remembered.")
        .at_restart(),
};

constexpr auto kAdminKeys = std::tuple{
    key("socket", &AdminSettings::socket,
        "The Unix socket through which commands such as `sluice queue` talk to the relay.")
        .unset("control.sock beside the spool directory")
        .at_restart(),
    key("http", &AdminSettings::http,
        "Where /metrics (for Prometheus) and /healthz are served over HTTP, to everyone who can "
        "connect there.")
        .unset("not served")
        .at_restart(),
    not_available("group"),
};

constexpr auto kRelayKeys = std::tuple{
    key("include", &RelayConfig::include,
        "Files that are read after this one; patterns, relative to it. A key set twice is an "
        "error; [[listener]], [[route]], [[retry]] and [[user]] follow each other."),
    key("hostname", &RelayConfig::hostname, "The relay's name in greetings, EHLO and Received.")
        .unset("the machine's full name"),
    key("spool", &RelayConfig::spool, "The directory that keeps accepted mail.").at_restart(),
    key("spool_partitions", &RelayConfig::spool_partitions, range(0, 64),
        "Parts of the spool that take new mail, each with a thread that commits; 0: one per four "
        "cores. Parts that exist beyond it are emptied.")
        .at_restart(),
    key("spool_size", &RelayConfig::spool_size, range(mebibytes(1), gibibytes(1 << 14)),
        "The largest size of each part; from 90 % of it on, new mail is answered 452.")
        .at_restart(),
    key("spool_reserved", &RelayConfig::spool_reserved, range(0, 90),
        "Percent of spool_size and of limits.disk_free that only messages of the class "
        "transactional may fill.")
        .at_restart(),
    key("shards", &RelayConfig::shards, range(0, 128),
        "Threads that serve connections; 0: one per core.")
        .at_restart(),
    key("run_as", &RelayConfig::run_as, "The user as which the relay runs once its ports are open.")
        .unset("the user who starts it")
        .at_restart(),
    key("user_file", &RelayConfig::user_file,
        "The file that `sluice user` edits: more [[user]] tables. A running relay takes over its "
        "changes within a second; a file that is missing names no users.")
        .unset("users.toml beside the spool directory")
        .at_restart(),
    table("log", &RelayConfig::log, kLogKeys, "What is written about events, and where."),
    tables("listener", &RelayConfig::listeners, kListenerKeys,
           "Where mail comes in. At least one is needed."),
    table("tls", &RelayConfig::tls, kTlsKeys, "How incoming connections are encrypted."),
    tables("tenant", &RelayConfig::tenants, kTenantKeys,
           "Customers: whose mail is limited, counted and suspended as one."),
    tables("route", &RelayConfig::routes, kRouteKeys,
           "Where mail goes. Without any, all of it to the hosts that DNS names; else a domain "
           "that no route has is refused."),
    tables("retry", &RelayConfig::retries, kRetryKeys,
           "When a deferred message is tried again, for each class."),
    tables("user", &RelayConfig::users, kUserKeys,
           "Who may authenticate and submit. More users stand in user_file."),
    table("authentication", &RelayConfig::authentication, kAuthenticationKeys,
          "How logins are checked, and slowed down when they fail."),
    table("limits", &RelayConfig::limits, kLimitKeys, "What the relay takes at most."),
    table("dns", &RelayConfig::dns, kDnsKeys, "How the domain name system is asked."),
    table("delivery", &RelayConfig::delivery, kDeliveryKeys, "How mail is sent."),
    table("dsn", &RelayConfig::dsn, kDsnKeys, "What senders are told of their mail."),
    table("admin", &RelayConfig::admin, kAdminKeys, "How the running relay is asked."),
    not_available("class", "source", "pool", "shaping", "warmup"),
};

}  // namespace sluice::relay
