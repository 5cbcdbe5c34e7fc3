// SessionRegistry: the SMTP sessions of one shard, from the accepted socket to its last byte.
//
// It opens a session for each connection that the listener hands over, and ends all of them when
// the relay stops: transactions in progress may finish until a deadline, messages past their final
// dot always get their answer. Where a proxy connects, its header comes first. Lives on its shard.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "core/event.h"
#include "core/ip_address.h"
#include "core/task_scope.h"
#include "relay/connection_limits.h"
#include "relay/reception.h"
#include "smtp/server_session.h"
#include "tls/securable_stream.h"

namespace sluice::relay {

// A connection on its way from the listener to a shard.
struct NewConnection {
  int descriptor;  // owned by whoever holds this
  Endpoint peer;
  Endpoint local;
  std::uint16_t listener;  // position of its [[listener]]
  Admission admission;
  ClientIdentity identity = ClientIdentity::known;  // hidden: a proxy is to name the client first
};

// What the listener must count back.
struct EndedConnection {
  std::optional<IpAddress> client;  // nothing: of a proxy that named none
  std::uint16_t listener;
  Admission admission;
};

// Which client a proxy named.
struct Announcement {
  IpAddress client;
  std::uint16_t listener;
};

class SessionRegistry {
 public:
  // The way back to the listener, which counts.
  struct Link {
    // Is given what ended in one turn of the shard's loop.
    std::function<void(std::vector<EndedConnection>)> on_ended;
    // How the connection counts from now on.
    std::function<Task<Admission>(Announcement)> announce;
  };

  SessionRegistry(ReceptionParts& parts, Link link);
  ~SessionRegistry();  // asserts finish()

  void open(NewConnection connection);

  // Asks every session to end after its transaction and returns when all are gone. At the first
  // deadline it cuts those without a message past its final dot, at the second the others: their
  // clients will send again what they got no reply to. Call it once.
  Task<void> finish(Deadline transactions, Deadline final_dots);

  // Cuts at once what finish() still waits for.
  void hurry() { scope_.cancel(); }

  std::size_t size() const { return sessions_.size(); }

 private:
  struct LiveSession {
    smtp::ServerSession& session;
    TaskScope& conversation;  // of this session alone
  };
  Task<void> wait_for_sessions(Deadline deadline);
  void cut_transactions();
  Task<void> serve(NewConnection connection);
  // Puts the client in place of the proxy. False: the connection is only to be closed.
  Task<bool> learn_client(Stream& stream, NewConnection& connection);
  Task<void> receive(tls::SecurableStream& stream, const NewConnection& connection);
  Task<bool> secure(tls::SecurableStream& stream, const ReceptionPolicy& policy,
                    smtp::ClientInfo& client);
  Task<void> converse(tls::SecurableStream& stream, Reception& reception, smtp::ClientInfo client);
  Task<void> report_ended();
  void note_ended(const NewConnection& connection);

  ReceptionParts& parts_;
  Link link_;
  TaskScope scope_;
  Event session_ended_;
  std::list<LiveSession> sessions_;
  std::vector<EndedConnection> ended_;
  bool is_finished_ = false;
};

}  // namespace sluice::relay
