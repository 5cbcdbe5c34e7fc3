#include "relay/host_connector.h"

#include <fmt/format.h>

#include <utility>

#include "core/log.h"
#include "core/socket.h"

namespace sluice::relay {
namespace {

tls::ClientRole role_for(const SmartHost& host, const RouteSecurity& security,
                         tls::ClientSession session) {
  // RFC 6066 §3: an address is no name to ask for.
  const bool is_address = IpAddress::parse(host.host).has_value();
  return {.context = security.context,
          .server_name = is_address ? std::string() : host.host,
          .session = std::move(session)};
}

class HostUpgrade final : public smtp::TlsUpgrade {
 public:
  HostUpgrade(tls::SecurableStream& stream, tls::ClientRole role)
      : stream_(stream), role_(std::move(role)) {}

  void discard_received() override { stream_.discard_received(); }
  Task<Result<tls::ConnectionFacts>> secure(Deadline deadline) override {
    co_return co_await stream_.secure(role_, deadline);
  }

 private:
  tls::SecurableStream& stream_;
  tls::ClientRole role_;
};

std::string name_of_tls(const std::optional<tls::ConnectionFacts>& facts) {
  return facts ? facts->version : "none";
}

std::unexpected<HostFailure> failed(std::string reason) {
  return std::unexpected(HostFailure{.reason = std::move(reason)});
}

}  // namespace

HostConnector::HostConnector(const Parts& parts) : parts_(parts) {}

Task<HostConnector::Opening> HostConnector::open(std::size_t host) {
  const SmartHost smart_host = parts_.site.host(host);
  auto endpoints = co_await parts_.addresses_of(smart_host);
  if (!endpoints) co_return failed(endpoints.error().sentence());
  Opening opening = failed("no address of " + smart_host.host);
  for (const Endpoint& endpoint : *endpoints) {
    opening = co_await open_address(host, endpoint);
    if (opening || opening.error().needs_operator) break;
  }
  co_return opening;
}

Task<HostConnector::Opening> HostConnector::open_address(std::size_t host, Endpoint endpoint) {
  const bool is_opportunistic = parts_.security.tls == TransportTls::opportunistic;
  const bool skips_tls =
      is_opportunistic && !parts_.site.may_try_tls(host, parts_.shard.clock().now());
  auto opening =
      co_await try_address(host, endpoint, skips_tls ? Security::clear : Security::as_demanded);
  if (opening || !opening.error().has_tls_failed || !is_opportunistic) co_return opening;
  SLUICE_LOG(warning, "tls_given_up", {"route", parts_.site.name()},
             {"host", parts_.site.host(host).to_string()}, {"error", opening.error().reason},
             {"meaning", "mail goes to this host in clear for three days"});
  parts_.site.note_tls_failed(host, parts_.shard.clock().now());
  co_return co_await try_address(host, endpoint, Security::clear);
}

Task<HostConnector::Opening> HostConnector::try_address(std::size_t host, Endpoint endpoint,
                                                        Security security) {
  const SmartHost& smart_host = parts_.site.host(host);
  const Clock& clock = parts_.shard.clock();
  const Deadline deadline = Deadline::in(clock, parts_.config.delivery.timeouts.connect);
  auto connected = co_await connect_tcp(parts_.shard, endpoint, nullptr, deadline);
  if (!connected) co_return failed(connected.error().sentence());

  auto stream = std::make_unique<tls::SecurableStream>(parts_.shard, *std::move(connected));
  const tls::SecurableStream* const kept_stream = stream.get();
  HostUpgrade upgrade(*stream, role_for(smart_host, parts_.security, sessions_[host]));
  std::optional<tls::ConnectionFacts> facts;
  if (parts_.security.tls == TransportTls::implicit) {
    const Deadline handshake = Deadline::in(clock, parts_.config.delivery.timeouts.greeting);
    auto secured = co_await upgrade.secure(handshake);
    if (!secured) {
      co_await stream->close();
      co_return failed(std::move(secured).error().within("TLS").sentence());
    }
    facts = *std::move(secured);
  }
  auto session = std::make_unique<smtp::ClientSession>(parts_.shard, settings_for(security),
                                                       std::move(stream), &upgrade);
  auto opened = co_await session->open();
  if (opened && !opened->refusal) {
    if (session->tls()) facts = session->tls();
    const std::string address = endpoint.address.to_string();
    co_return OpenedHost{.session = std::move(session),
                         .stream = kept_stream,
                         .name = fmt::format("{}[{}]:{}", smart_host.host, address, endpoint.port),
                         .tls = name_of_tls(facts),
                         .is_resumed = facts && facts->is_resumed};
  }
  HostFailure failure{.reason = opened ? opened->refusal->to_string() : opened.error().sentence()};
  if (opened && opened->stage == smtp::ReplyStage::login) {
    failure.needs_operator = opened->refusal->is_permanent();
    failure.reason = "login refused: " + failure.reason;
  }
  failure.has_tls_failed = session->has_tls_failed();
  const Deadline at_once = Deadline::at(clock.now());
  co_await session->close(at_once);
  co_return std::unexpected(std::move(failure));
}

void HostConnector::keep_session(std::size_t host, const tls::SecurableStream& stream) {
  if (stream.is_secured()) sessions_.insert_or_assign(host, stream.session());
}

smtp::ClientSettings HostConnector::settings_for(Security security) const {
  const TimeoutSettings& timeouts = parts_.config.delivery.timeouts;
  smtp::ClientSettings settings{.hostname = parts_.config.hostname,
                                .timeouts = {.greeting = timeouts.greeting,
                                             .command = timeouts.command,
                                             .data = timeouts.data,
                                             .final = timeouts.final},
                                .pipeline_depth = parts_.config.delivery.pipeline_depth,
                                .is_depth_grown = parts_.site.is_found_by_dns(),
                                .messages_max = parts_.config.delivery.messages_per_connection};
  if (security == Security::clear) return settings;
  switch (parts_.security.tls) {
    case TransportTls::none:
      break;
    case TransportTls::opportunistic:
      settings.starttls = smtp::StartTls::if_offered;
      break;
    case TransportTls::required:
    case TransportTls::verified:
      settings.starttls = smtp::StartTls::required;
      settings.login = parts_.security.login;
      break;
    case TransportTls::implicit:
      settings.login = parts_.security.login;
      break;
  }
  return settings;
}

}  // namespace sluice::relay
