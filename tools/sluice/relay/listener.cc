#include "relay/listener.h"

#include <algorithm>
#include <utility>

#include "core/assert.h"
#include "core/log.h"
#include "core/shard.h"
#include "core/socket.h"

namespace sluice::relay {

Result<std::vector<BoundListener>> bind_listeners(const RelayConfig& config) {
  std::vector<BoundListener> bound;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    for (const Endpoint& endpoint : config.listeners[i].address) {
      auto socket = ListenSocket::bind_tcp(endpoint);
      if (!socket) return std::unexpected(std::move(socket).error());
      bound.push_back(
          BoundListener{.socket = *std::move(socket), .listener = static_cast<std::uint16_t>(i)});
    }
  }
  return bound;
}

Listener::Listener(Shard& shard, const RelayConfig& config, std::size_t shard_count,
                   HandOver hand_over)
    : shard_(shard),
      limits_(config.listeners),
      connections_by_shard_(shard_count, 0),
      last_choice_(shard_count - 1),
      hand_over_(std::move(hand_over)),
      scope_(shard.run_queue()) {
  set_limits(config.listeners);
}

void Listener::set_limits(const std::vector<ListenerSettings>& listeners) {
  limits_.set(listeners);
  proxies_.clear();
  for (const ListenerSettings& listener : listeners) proxies_.push_back(listener.proxy_protocol);
}

bool Listener::is_proxy(std::uint16_t listener, const IpAddress& peer) const {
  return std::ranges::any_of(proxies_[listener],
                             [&peer](const IpNetwork& network) { return network.contains(peer); });
}

void Listener::start(std::vector<BoundListener> sockets) {
  SLUICE_ASSERT(sockets_.empty(), "start once");
  SLUICE_ASSERT(shard_.is_current(), "the listener lives on shard 0");
  sockets_ = std::move(sockets);
  for (BoundListener& bound : sockets_) {
    scope_.spawn(accept_connections(shard_, bound.socket, [this, &bound](const Accepted& accepted) {
      on_accepted(bound, accepted);
    }));
  }
}

Task<void> Listener::stop() {
  co_await scope_.close();
  sockets_.clear();
}

void Listener::on_accepted(const BoundListener& from, const Accepted& accepted) {
  const bool is_proxied = is_proxy(from.listener, accepted.peer.address);
  const Admission admission =
      is_proxied ? limits_.admit_proxy(from.listener)
                 : limits_.admit(from.listener, accepted.peer.address, shard_.clock().now());
  if (admission == Admission::closed) {
    scope_.spawn(close_unanswered(accepted.descriptor));
    return;
  }
  const ShardId shard = least_loaded();
  ++connections_by_shard_[shard.value()];
  hand_over_(shard, NewConnection{
                        .descriptor = accepted.descriptor,
                        .peer = accepted.peer,
                        .local = from.socket.endpoint(),
                        .listener = from.listener,
                        .admission = admission,
                        .identity = is_proxied ? ClientIdentity::hidden : ClientIdentity::known});
}

Task<void> Listener::close_unanswered(int descriptor) {
  auto stream = adopt_socket(shard_, descriptor, Direction::incoming);
  co_await stream->close();
}

ShardId Listener::least_loaded() {
  // Looking on from the last choice shares out connections that come and go one by one.
  const std::size_t shards = connections_by_shard_.size();
  std::size_t best = (last_choice_ + 1) % shards;
  for (std::size_t step = 2; step <= shards; ++step) {
    const std::size_t candidate = (last_choice_ + step) % shards;
    if (connections_by_shard_[candidate] < connections_by_shard_[best]) best = candidate;
  }
  last_choice_ = best;
  return ShardId(static_cast<std::uint16_t>(best));
}

void Listener::release(ShardId shard, const std::vector<EndedConnection>& ended) {
  SLUICE_ASSERT(shard_.is_current(), "the listener lives on shard 0");
  SLUICE_ASSERT(connections_by_shard_[shard.value()] >= ended.size(), "a connection ends once");
  connections_by_shard_[shard.value()] -= static_cast<std::uint32_t>(ended.size());
  for (const EndedConnection& connection : ended) {
    if (connection.admission == Admission::closed) continue;  // when it was announced
    limits_.release(connection.listener, connection.client, connection.admission);
  }
}

Admission Listener::announce(const Announcement& announcement) {
  SLUICE_ASSERT(shard_.is_current(), "the listener lives on shard 0");
  return limits_.announce(announcement.listener, announcement.client, shard_.clock().now());
}

}  // namespace sluice::relay
