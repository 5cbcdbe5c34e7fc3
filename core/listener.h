// Listener: accepts connections on one address (multishot) and hands each to the least loaded
// shard. It lives on shard 0. Also for Unix sockets (control).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/error.h"
#include "core/ip_address.h"
#include "core/stream.h"
#include "core/task.h"

namespace sluice {

class Shard;

// A bound, listening socket, made before the shards start (so that errors come at once, and
// privileges can be dropped after). Closes its descriptor.
class ListenSocket {
 public:
  static Result<ListenSocket> bind_tcp(const Endpoint& endpoint);
  // Removes a stale socket file that nobody listens on; mode 0660.
  static Result<ListenSocket> bind_unix(const std::string& path);
  ListenSocket(ListenSocket&& other) noexcept;
  ListenSocket& operator=(ListenSocket&&) = delete;
  ~ListenSocket();

  int descriptor() const { return descriptor_; }
  const Endpoint& endpoint() const { return endpoint_; }  // the real port where 0 was asked
  std::string path() const { return path_; }

 private:
  ListenSocket(int descriptor, Endpoint endpoint, std::string path);
  int descriptor_;
  Endpoint endpoint_;
  std::string path_;
};

struct Accepted {
  int descriptor;  // owned by the receiver
  Endpoint peer;   // of a Unix socket: 0.0.0.0:0
};

// Accepts until cancelled (then closes nothing: the ListenSocket does). When open files run out it
// pauses for 100 ms instead of spinning. Runs on the shard that it is given, usually 0.
Task<void> accept_connections(Shard& shard, ListenSocket& socket,
                              std::function<void(Accepted)> on_accepted);

}  // namespace sluice
