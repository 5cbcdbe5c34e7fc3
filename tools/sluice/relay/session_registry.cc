#include "relay/session_registry.h"

#include <utility>

#include "core/assert.h"
#include "core/log.h"
#include "core/shard.h"
#include "core/socket.h"

namespace sluice::relay {

std::vector<ListenerProfile> listener_profiles(const RelayConfig& config) {
  std::vector<ListenerProfile> profiles;
  for (const ListenerSettings& listener : config.listeners) {
    smtp::ServerSettings settings;
    settings.hostname = config.hostname;
    settings.message_bytes_max = config.limits.message_size.value();
    settings.recipients_max = config.limits.recipients_per_message;
    settings.errors_max = listener.errors_per_session;
    settings.received_headers_max = config.limits.received_headers;
    settings.normalises_newlines = listener.bare_newlines == BareNewlines::normalise;
    profiles.push_back(
        ListenerProfile{.settings = std::move(settings), .permission = RelayPermission(listener)});
  }
  return profiles;
}

SessionRegistry::SessionRegistry(ReceptionParts& parts,
                                 const std::vector<ListenerProfile>& profiles, OnEnded on_ended)
    : parts_(parts),
      profiles_(profiles),
      on_ended_(std::move(on_ended)),
      scope_(parts.shard.run_queue()),
      session_ended_(parts.shard) {}

SessionRegistry::~SessionRegistry() {
  SLUICE_ASSERT(sessions_.empty(), "finish() waited for every session");
}

void SessionRegistry::open(NewConnection connection) {
  SLUICE_ASSERT(!is_finished_, "the listener stops before the sessions");
  SLUICE_ASSERT(connection.listener < profiles_.size(), "connections come from known listeners");
  parts_.metrics.connections.add();
  scope_.spawn(serve(connection));
}

Task<void> SessionRegistry::serve(NewConnection connection) {
  const ListenerProfile& profile = profiles_[connection.listener];
  auto stream = adopt_socket(parts_.shard, connection.descriptor, Direction::incoming);
  smtp::ClientInfo client{
      .peer = connection.peer, .local = connection.local, .hello = {}, .is_extended = false};
  Reception reception(parts_, profile.permission, connection.admission);
  {
    smtp::ServerSession session(parts_.shard, profile.settings, *stream, std::move(client),
                                reception);
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
  co_await stream->close();
  note_ended(connection);
  session_ended_.notify_all();
}

void SessionRegistry::note_ended(const NewConnection& connection) {
  ended_.push_back(EndedConnection{.client = connection.peer.address,
                                   .listener = connection.listener,
                                   .admission = connection.admission});
  if (ended_.size() == 1) scope_.spawn(report_ended());
}

Task<void> SessionRegistry::report_ended() {
  co_await yield(parts_.shard);
  on_ended_(std::exchange(ended_, {}));
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
