#include "relay/session_registry.h"

#include <utility>

#include "core/assert.h"
#include "core/log.h"
#include "core/proxy_header.h"
#include "core/shard.h"
#include "core/socket.h"

namespace sluice::relay {

namespace {

// From the connection to the end of the handshake, where TLS is implicit.
constexpr Duration kHandshakeMax = std::chrono::seconds(60);
// From the connection to the end of a proxy's header.
constexpr Duration kProxyHeaderMax = std::chrono::seconds(5);

// STARTTLS under the certificates of one policy; implicit TLS alike.
class StreamUpgrade final : public smtp::TlsUpgrade {
 public:
  StreamUpgrade(tls::SecurableStream& stream, std::shared_ptr<const tls::ServerContext> context,
                const ReceptionParts& parts)
      : stream_(stream),
        context_(std::move(context)),
        metrics_(parts.metrics),
        signing_(parts.signing) {}

  void discard_received() override { stream_.discard_received(); }
  Task<Result<tls::ConnectionFacts>> secure(Deadline deadline) override {
    auto facts = co_await stream_.secure(context_, deadline, signing_);
    if (!facts) {
      metrics_.tls_failures.add();
      co_return facts;
    }
    metrics_.tls_handshakes.add();
    if (facts->is_resumed) metrics_.tls_resumptions.add();
    co_return facts;
  }

 private:
  tls::SecurableStream& stream_;
  std::shared_ptr<const tls::ServerContext> context_;
  ReceptionMetrics& metrics_;
  OffloadPool* signing_;
};

}  // namespace

SessionRegistry::SessionRegistry(ReceptionParts& parts, Link link)
    : parts_(parts),
      link_(std::move(link)),
      scope_(parts.shard.run_queue()),
      session_ended_(parts.shard) {}

SessionRegistry::~SessionRegistry() {
  SLUICE_ASSERT(sessions_.empty(), "finish() waited for every session");
}

void SessionRegistry::open(NewConnection connection) {
  SLUICE_ASSERT(!is_finished_, "the listener stops before the sessions");
  parts_.metrics.connections.add();
  scope_.spawn(serve(connection));
}

Task<void> SessionRegistry::serve(NewConnection connection) {
  tls::SecurableStream stream(
      parts_.shard, adopt_socket(parts_.shard, connection.descriptor, Direction::incoming));
  bool is_ready = true;
  if (connection.identity == ClientIdentity::hidden) {
    is_ready = co_await learn_client(stream, connection);
  }
  if (is_ready) co_await receive(stream, connection);
  co_await stream.close();
  note_ended(connection);
  session_ended_.notify_all();
}

Task<bool> SessionRegistry::learn_client(Stream& stream, NewConnection& connection) {
  const Clock& clock = parts_.shard.clock();
  const auto header =
      co_await read_proxy_header(stream, Deadline::in(clock, kProxyHeaderMax), clock);
  if (!header) {
    parts_.metrics.proxy_failures.add();
    SLUICE_LOG(warning, "proxy_refused", {"proxy", connection.peer.to_string()},
               {"error", header.error().sentence()},
               {"meaning", "a peer of listener.proxy_protocol must announce its client"});
    co_return false;
  }
  if (!header->announced || connection.admission != Admission::welcome) co_return true;
  const Announcement announcement{.client = header->announced->client.address,
                                  .listener = connection.listener};
  connection.admission = co_await link_.announce(announcement);
  connection.identity = ClientIdentity::known;
  connection.peer = header->announced->client;
  connection.local = header->announced->server;
  co_return connection.admission != Admission::closed;
}

Task<void> SessionRegistry::receive(tls::SecurableStream& stream, const NewConnection& connection) {
  Reception reception(parts_, connection.listener, connection.admission, connection.identity);
  smtp::ClientInfo client{
      .peer = connection.peer, .local = connection.local, .hello = {}, .is_extended = false};
  const auto& settings = reception.policy().listener(connection.listener).settings;
  bool is_ready = true;
  if (settings.tls == smtp::TlsPolicy::implicit) {
    is_ready = co_await secure(stream, reception.policy(), client);
  }
  if (is_ready) co_await converse(stream, reception, std::move(client));
}

Task<bool> SessionRegistry::secure(tls::SecurableStream& stream, const ReceptionPolicy& policy,
                                   smtp::ClientInfo& client) {
  StreamUpgrade upgrade(stream, policy.tls(), parts_);
  auto facts = co_await upgrade.secure(Deadline::in(parts_.shard.clock(), kHandshakeMax));
  if (!facts) {
    SLUICE_LOG(info, "tls_failed", {"client", client.peer.to_string()},
               {"error", facts.error().sentence()});
    co_return false;
  }
  client.tls = *std::move(facts);
  co_return true;
}

Task<void> SessionRegistry::converse(tls::SecurableStream& stream, Reception& reception,
                                     smtp::ClientInfo client) {
  StreamUpgrade upgrade(stream, reception.policy().tls(), parts_);
  const smtp::ServerSession::Parts session_parts{
      .shard = parts_.shard,
      .settings = reception.settings(),
      .stream = stream,
      .handler = reception,
      .upgrade = reception.policy().tls() != nullptr ? &upgrade : nullptr};
  smtp::ServerSession session(session_parts, std::move(client));
  TaskScope conversation(parts_.shard.run_queue());
  const LiveSession live{.session = session, .conversation = conversation};
  const auto position = sessions_.insert(sessions_.end(), live);
  parts_.metrics.sessions.add(1);
  conversation.spawn(session.run());
  if (parts_.is_stopping) session.request_stop();
  co_await conversation.join();
  sessions_.erase(position);
  parts_.metrics.sessions.add(-1);
}

void SessionRegistry::note_ended(const NewConnection& connection) {
  EndedConnection ended{
      .client = std::nullopt, .listener = connection.listener, .admission = connection.admission};
  if (connection.identity == ClientIdentity::known) ended.client = connection.peer.address;
  ended_.push_back(ended);
  if (ended_.size() == 1) scope_.spawn(report_ended());
}

Task<void> SessionRegistry::report_ended() {
  co_await yield(parts_.shard);
  link_.on_ended(std::exchange(ended_, {}));
}

Task<void> SessionRegistry::finish(Deadline transactions, Deadline final_dots) {
  SLUICE_ASSERT(!is_finished_, "finish twice");
  is_finished_ = true;
  for (const LiveSession& live : sessions_) live.session.request_stop();
  co_await wait_for_sessions(transactions);
  cut_transactions();
  co_await wait_for_sessions(final_dots);
  if (!sessions_.empty()) {
    SLUICE_LOG(warning, "sessions_cut", {"sessions", sessions_.size()},
               {"meaning", "their clients may send accepted messages again"});
  }
  co_await scope_.close();
}

Task<void> SessionRegistry::wait_for_sessions(Deadline deadline) {
  while (!sessions_.empty()) {
    auto ended = co_await session_ended_.wait(deadline);
    if (!ended) co_return;
  }
}

void SessionRegistry::cut_transactions() {
  std::size_t cut = 0;
  for (const LiveSession& live : sessions_) {
    if (live.session.has_pending_messages()) continue;
    live.conversation.cancel();
    ++cut;
  }
  if (cut > 0) SLUICE_LOG(warning, "transactions_cut", {"sessions", cut});
}

}  // namespace sluice::relay
