// accept_connections: the connections that come to one ListenSocket, one after the other.
//
// One multishot accept of the shard's ring. It decides nothing: who may connect, and which shard
// serves whom, is the receiver's matter. Runs on the shard that it is given, usually 0.
#pragma once

#include <functional>

#include "core/listen_socket.h"
#include "core/task.h"

namespace sluice {

class Shard;

struct Accepted {
  int descriptor;  // owned by the receiver
  Endpoint peer;   // of a Unix socket: 0.0.0.0:0
};

// Accepts until cancelled (then closes nothing: the ListenSocket does). When open files run out it
// pauses for 100 ms instead of spinning.
Task<void> accept_connections(Shard& shard, ListenSocket& socket,
                              std::function<void(Accepted)> on_accepted);

}  // namespace sluice
