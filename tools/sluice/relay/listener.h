// Listener: accepts on every configured address and hands each connection to the shard that has
// the fewest, within exact limits per address and in all.
//
// Lives on shard 0, which alone accepts, so that the limits need no sharing and the balance is
// even. Knows no SMTP: a refused connection is handed over too, to be told why.
#pragma once

#include <functional>
#include <vector>

#include "core/listener.h"
#include "core/task_scope.h"
#include "relay/connection_limits.h"
#include "relay/session_registry.h"

namespace sluice::relay {

// A listening socket and the [[listener]] it belongs to.
struct BoundListener {
  ListenSocket socket;
  std::uint16_t listener;
};

// Binds every address of every listener. The error names the address and what to do.
Result<std::vector<BoundListener>> bind_listeners(const RelayConfig& config);

class Listener {
 public:
  // `hand_over` sends the connection to that shard.
  using HandOver = std::function<void(ShardId, NewConnection)>;

  Listener(Shard& shard, const RelayConfig& config, std::size_t shard_count, HandOver hand_over);

  // Accepts from now on. The sockets are its own until stop() closes them.
  void start(std::vector<BoundListener> sockets);

  // What [[listener]] says of numbers and of proxies, anew: the same listeners, in the same order.
  void set_limits(const std::vector<ListenerSettings>& listeners);

  // Stops accepting and closes the sockets: new clients are refused by the kernel.
  Task<void> stop();

  void release(ShardId shard, const std::vector<EndedConnection>& ended);
  // How a proxied connection counts, now that its client is known.
  Admission announce(const Announcement& announcement);

 private:
  void on_accepted(const BoundListener& from, const Accepted& accepted);
  Task<void> close_unanswered(int descriptor);
  bool is_proxy(std::uint16_t listener, const IpAddress& peer) const;
  ShardId least_loaded();

  Shard& shard_;
  ConnectionLimits limits_;
  std::vector<std::vector<IpNetwork>> proxies_;  // of each [[listener]]
  std::vector<std::uint32_t> connections_by_shard_;
  std::size_t last_choice_;
  HandOver hand_over_;
  TaskScope scope_;
  std::vector<BoundListener> sockets_;
};

}  // namespace sluice::relay
