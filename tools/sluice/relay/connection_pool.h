// ConnectionPool: the connections of one shard to the hosts of one site.
//
// Opens them within the site's and the node's limit, host after host; keeps them while they are
// used; retires one that idles, that finished, or that goes to a second-choice host once a better
// one may be tried. A host whose connections end before they served a message has failed as if it
// had refused them. What to send over them is its owner's matter: on_room tells it. Lives on its
// shard.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "core/event.h"
#include "core/shard.h"
#include "relay/config.h"
#include "relay/delivery_metrics.h"
#include "relay/host_connector.h"
#include "relay/site.h"
#include "smtp/client_session.h"

namespace sluice::relay {

struct PoolParts {
  Shard& shard;
  const RelayConfig& config;
  const RouteSecurity& security;
  Site& site;
  LimitCell& node_connections;
  HostAddresses addresses_of;
  DeliveryMetrics& metrics;
  // A connection of the node was released that some site waits for.
  std::function<void()> on_node_room;
};

// One open connection. Attempts hold it while they use the session.
struct PooledConnection {
  PooledConnection(Shard& shard, OpenedHost opened, std::size_t index)
      : session(std::move(opened.session)),
        stream(*opened.stream),
        host(index),
        host_name(std::move(opened.name)),
        tls(std::move(opened.tls)),
        changed(shard) {}
  std::unique_ptr<smtp::ClientSession> session;
  const tls::SecurableStream& stream;  // of the session
  std::size_t host;
  std::string host_name;  // "name[address]:port"
  std::string tls;        // "TLSv1.3"; "none"
  unsigned attempts = 0;
  bool has_served = false;   // the peer has answered for a message
  bool is_reserved = false;  // for a message that goes alone: nobody joins
  bool is_retired = false;
  bool is_locked_out = false;  // the host takes no mail from us without another login or TLS
  std::string failure;         // why the peer's side ended it; empty: it did not
  Event changed;
};

class ConnectionPool {
 public:
  // `on_room` is called when a connection opened, or none could be had.
  ConnectionPool(const PoolParts& parts, std::function<void()> on_room);
  ~ConnectionPool();

  // A connection with a free slot, or null.
  PooledConnection* free_connection();
  // One on which nothing else flies, for a message that goes alone; nobody joins it until that
  // attempt has ended. Null while there is none: then one was reserved, and gets free.
  PooledConnection* lone_connection();
  void begin_attempt(PooledConnection& connection);
  void end_attempt(PooledConnection& connection);
  // The peer has answered for a message.
  void note_served(PooledConnection& connection);
  // The peer takes no mail without a login that we do not have: the host is left alone.
  void retire_locked_out(PooledConnection& connection, const smtp::Reply& reply);

  // Opens one more within the limits; false when there is none to be had now.
  bool open_one();
  // Whether open_one() would. Where only the node's limit forbids it, on_node_room will tell.
  bool may_open() const;

  unsigned free_slots() const;
  unsigned opening() const { return opening_; }
  bool empty() const { return connections_.empty() && opening_ == 0; }

  // Retires all; with `now`, also those that still have messages in flight.
  void stop();
  void cut();
  Task<void> join() { return scope_.join(); }

 private:
  Task<void> live();
  Task<bool> live_at(std::size_t host);
  Task<void> serve(PooledConnection& connection);
  void release_limits();
  void note_failure(std::size_t host, std::string reason);
  void note_locked_out(std::size_t host, std::string reason);
  Task<void> change_of(PooledConnection& connection, Deadline deadline);

  PoolParts parts_;
  std::function<void()> on_room_;
  HostConnector connector_;
  std::list<PooledConnection*> connections_;
  unsigned opening_ = 0;
  bool is_stopping_ = false;
  bool is_cut_ = false;
  TaskScope scope_;
};

}  // namespace sluice::relay
