#include "relay/connection_pool.h"

#include <utility>

#include "core/log.h"

namespace sluice::relay {
namespace {

constexpr Duration kQuitPatience = std::chrono::seconds(5);
constexpr Duration kHostPatience = std::chrono::seconds(60);  // for a probe of a host that failed
constexpr Duration kBetterHostCheck = std::chrono::seconds(1);

}  // namespace

ConnectionPool::ConnectionPool(const PoolParts& parts, std::function<void()> on_room)
    : parts_(parts),
      on_room_(std::move(on_room)),
      connector_({.shard = parts.shard,
                  .config = parts.config,
                  .security = parts.security,
                  .site = parts.site,
                  .addresses_of = parts.addresses_of}),
      scope_(parts.shard.run_queue()) {}

ConnectionPool::~ConnectionPool() {
  SLUICE_ASSERT(connections_.empty(), "a pool ends after its connections");
}

PooledConnection* ConnectionPool::free_connection() {
  for (PooledConnection* connection : connections_) {
    const bool is_open = !connection->is_retired && !connection->is_reserved;
    if (is_open && connection->session->free_slots() > 0) return connection;
  }
  return nullptr;
}

// Under load none would ever be idle, so the one that is nearest to it takes nothing more.
PooledConnection* ConnectionPool::lone_connection() {
  PooledConnection* best = nullptr;
  for (PooledConnection* connection : connections_) {
    if (connection->is_retired || !connection->session->is_usable()) continue;
    if (connection->attempts == 0 && connection->session->free_slots() > 0) {
      connection->is_reserved = true;
      return connection;
    }
    const bool is_taken = best != nullptr && best->is_reserved;
    const bool is_nearer = best == nullptr || connection->attempts < best->attempts;
    if (connection->is_reserved || (!is_taken && is_nearer)) best = connection;
  }
  if (best != nullptr) best->is_reserved = true;
  return nullptr;
}

unsigned ConnectionPool::free_slots() const {
  unsigned slots = 0;
  for (const PooledConnection* connection : connections_) {
    const bool is_open = !connection->is_retired && !connection->is_reserved;
    if (is_open) slots += connection->session->free_slots();
  }
  return slots;
}

void ConnectionPool::begin_attempt(PooledConnection& connection) { ++connection.attempts; }

void ConnectionPool::end_attempt(PooledConnection& connection) {
  SLUICE_ASSERT(connection.attempts > 0, "an attempt ends once");
  --connection.attempts;
  if (connection.attempts > 0) return;
  connection.is_reserved = false;
  connection.changed.notify_all();
}

void ConnectionPool::note_served(PooledConnection& connection) {
  if (std::exchange(connection.has_served, true)) return;
  parts_.site.note_success(connection.host);
}

bool ConnectionPool::may_open() const {
  if (is_stopping_ || !parts_.site.connections().has_room()) return false;
  if (parts_.site.backoff_until(parts_.shard.clock().now()) != Instant::far_future()) return false;
  if (parts_.node_connections.has_room()) return true;
  parts_.node_connections.await_release();
  return parts_.node_connections.has_room();
}

bool ConnectionPool::open_one() {
  if (is_stopping_) return false;
  if (parts_.site.backoff_until(parts_.shard.clock().now()) != Instant::far_future()) return false;
  if (!parts_.node_connections.try_acquire()) return false;
  if (!parts_.site.connections().try_acquire()) {
    parts_.node_connections.release();
    return false;
  }
  ++opening_;
  scope_.spawn(live());
  return true;
}

// Holds its place in the limits from opening to closing.
Task<void> ConnectionPool::live() {
  bool is_opened = false;
  while (!is_opened && !is_stopping_) {
    const auto host = parts_.site.choose_host(parts_.shard.clock().now(), kHostPatience,
                                              parts_.shard.random().next());
    if (!host) break;
    is_opened = co_await live_at(*host);
  }
  if (!is_opened) --opening_;
  release_limits();
  on_room_();
}

void ConnectionPool::release_limits() {
  parts_.site.connections().release();
  parts_.node_connections.release();
  if (parts_.node_connections.take_awaited()) parts_.on_node_room();
}

void ConnectionPool::note_failure(std::size_t host, std::string reason) {
  parts_.metrics.connections_failed.add();
  SLUICE_LOG(warning, "connection_failed", {"route", parts_.site.name()},
             {"host", parts_.site.host(host).to_string()}, {"error", reason});
  parts_.site.note_failure(host, parts_.shard.clock().now(), std::move(reason));
}

void ConnectionPool::note_locked_out(std::size_t host, std::string reason) {
  parts_.metrics.connections_failed.add();
  parts_.metrics.logins_refused.add();
  SLUICE_LOG(error, "route_held", {"route", parts_.site.name()},
             {"host", parts_.site.host(host).to_string()}, {"error", reason},
             {"meaning",
              "the host wants another login or TLS: correct username, password or tls "
              "of the route and reload; no mail is lost meanwhile"});
  parts_.site.note_locked_out(host, parts_.shard.clock().now(), std::move(reason));
}

void ConnectionPool::retire_locked_out(PooledConnection& connection, const smtp::Reply& reply) {
  connection.is_retired = true;
  connection.changed.notify_all();
  if (std::exchange(connection.is_locked_out, true)) return;
  note_locked_out(connection.host, "mail refused: " + reply.to_string());
}

// False when the host could not be had.
Task<bool> ConnectionPool::live_at(std::size_t host) {
  auto opened = co_await connector_.open(host);
  if (!opened) {
    HostFailure& failure = opened.error();
    if (failure.needs_operator) {
      note_locked_out(host, std::move(failure.reason));
    } else {
      note_failure(host, std::move(failure.reason));
    }
    co_return false;
  }
  parts_.site.note_opened(host);
  parts_.metrics.connections_opened.add();
  parts_.metrics.connections.add(1);
  if (opened->is_resumed) parts_.metrics.tls_resumptions.add();
  PooledConnection connection(parts_.shard, *std::move(opened), host);
  (connection.tls == "none" ? parts_.metrics.connections_clear : parts_.metrics.connections_secured)
      .add();
  connections_.push_back(&connection);
  connection.is_retired = is_stopping_;  // stop() was called while it was being opened
  --opening_;
  on_room_();
  co_await serve(connection);
  // Else a host that greets and then fails would be tried again at once, for ever.
  const bool has_failed = !connection.has_served && !connection.failure.empty() && !is_stopping_;
  if (has_failed && !connection.is_locked_out) note_failure(host, std::move(connection.failure));
  connections_.remove(&connection);
  parts_.metrics.connections.add(-1);
  co_return true;
}

// A notification and a passed deadline are answered alike: by looking again. A task that was
// cancelled waits by turns of the loop, since what it waits for ends soon.
Task<void> ConnectionPool::change_of(PooledConnection& connection, Deadline deadline) {
  auto woken = co_await connection.changed.wait(deadline);
  if (!woken && woken.error().code() == ErrorCode::cancelled) co_await yield(parts_.shard);
}

// Until it finishes, idles too long, or is not wanted any more.
Task<void> ConnectionPool::serve(PooledConnection& connection) {
  smtp::ClientSession& session = *connection.session;
  session.on_finished([&connection] { connection.changed.notify_all(); });
  const Duration idle = parts_.config.delivery.timeouts.idle;
  const bool has_better = parts_.site.has_better(connection.host);
  Instant used = parts_.shard.clock().now();
  while (session.is_usable() && !connection.is_retired && !is_cut_) {
    const Instant now = parts_.shard.clock().now();
    if (connection.attempts > 0) used = now;
    if (now - used >= idle) break;
    if (session.is_used_up() && connection.attempts == 0) break;
    if (has_better && parts_.site.should_leave(connection.host, now)) break;
    const Duration patience = has_better ? std::min(idle, kBetterHostCheck) : idle;
    const Deadline deadline = Deadline::in(parts_.shard.clock(), patience);
    co_await change_of(connection, deadline);
  }
  connection.is_retired = true;
  while (connection.attempts > 0 && session.is_usable() && !is_cut_) {
    co_await change_of(connection, Deadline::never());
  }
  if (!session.is_usable() && !is_cut_) connection.failure = session.failure();
  if (connection.has_served) connector_.keep_session(connection.host, connection.stream);
  const Duration quit = is_cut_ ? Duration(0) : kQuitPatience;
  const Deadline deadline = Deadline::in(parts_.shard.clock(), quit);
  co_await session.close(deadline);
  while (connection.attempts > 0) {
    co_await change_of(connection, Deadline::never());
  }
}

void ConnectionPool::stop() {
  is_stopping_ = true;
  for (PooledConnection* connection : connections_) {
    connection->is_retired = true;
    connection->changed.notify_all();
  }
}

void ConnectionPool::cut() {
  is_cut_ = true;
  stop();
  scope_.cancel();
}

}  // namespace sluice::relay
