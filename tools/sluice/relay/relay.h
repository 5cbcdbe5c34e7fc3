// Relay: the running program. It opens what the configuration names, joins reception, spool and
// dispatcher on every shard, and leads them to an orderly end.
//
// Everything that can be refused (ports, privileges, log, control socket, spool, io_uring) is tried
// before the first client is served, and each error says what to do. Lives on the main thread,
// which waits while the shards work.
#pragma once

#include <memory>
#include <vector>

#include "core/executor.h"
#include "core/http_server.h"
#include "core/shard_group.h"
#include "core/signal_watcher.h"
#include "relay/config.h"
#include "relay/control.h"
#include "relay/lifecycle.h"
#include "relay/listener.h"
#include "relay/logins.h"
#include "relay/memory_budgets.h"
#include "relay/reloader.h"
#include "relay/service_manager.h"
#include "relay/shard_parts.h"
#include "relay/tenant.h"
#include "spool/spool.h"

namespace sluice::relay {

class Relay {
 public:
  // `load` reads the configuration again, for a reload; called by a worker.
  using LoadConfig = std::function<Result<std::shared_ptr<const RelayConfig>>()>;
  static Result<std::unique_ptr<Relay>> open(std::shared_ptr<const RelayConfig> config,
                                             DeliveryStart delivery, LoadConfig load);
  ~Relay();

  // Serves until a signal or a drain ends it, in order. Call it once.
  void run();

 private:
  // What was opened before the relay is made.
  struct Sockets {
    std::vector<BoundListener> listeners;
    std::unique_ptr<ListenSocket> http;  // null: not served
    ListenSocket control;
  };
  Relay(std::shared_ptr<const RelayConfig> config, Sockets sockets, DeliveryStart delivery);
  Result<void> open_reception();

  static Result<Sockets> open_sockets(const RelayConfig& config);
  static Result<std::unique_ptr<ListenSocket>> open_http(const RelayConfig& config);
  Result<void> open_spool();
  Result<void> start_shards();
  void make_leaders(Shard& first);
  void restore_tenants();
  Task<void> reload();

  Task<void> run_shard(Shard& shard);
  // How the connection that a proxy announced on that shard counts.
  Task<Admission> announce(Shard& shard, Announcement announcement);
  Task<void> lead();  // on shard 0: from the start to the end
  void on_open();
  Task<void> finish_answers();
  void start_spool();
  void on_signal(int signal);
  RelayFacts facts() const;
  Task<Result<std::string>> ask_state();
  void say_ready() const;

  std::shared_ptr<const RelayConfig> config_;
  DeliveryStart delivery_;
  Instant started_;
  std::vector<std::string> addresses_;
  std::vector<BoundListener> listen_sockets_;  // until the listener takes them
  std::unique_ptr<ListenSocket> http_socket_;
  ListenSocket control_socket_;
  std::unique_ptr<SignalWatcher> signals_;
  Executor executor_;
  MemoryBudgets memory_;
  LoadConfig load_;
  TenantRegistry tenants_;
  std::shared_ptr<tls::TicketKeys> ticket_keys_;
  std::shared_ptr<const ReceptionPolicy> policy_;  // at the start
  std::unique_ptr<Logins> logins_;                 // null: nobody can log in
  OffloadPool signing_{"signing", 1};              // RSA, for TLS
  std::unique_ptr<spool::Spool> spool_;
  std::unique_ptr<ShardGroup> shards_;
  std::unique_ptr<RelayParts> relay_parts_;
  std::unique_ptr<ShardParts> parts_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Lifecycle> lifecycle_;
  std::unique_ptr<Reloader> reloader_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<ServiceManager> service_manager_;
};

}  // namespace sluice::relay
