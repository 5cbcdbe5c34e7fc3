// ListenSocket: a bound, listening socket, TCP or Unix.
//
// Made before the shards start, so that errors come at once and privileges can be dropped after. An
// Error says where it could not listen, why, and what to do. It accepts nothing: core/listener.h
// does. Owns its descriptor, and the file of a Unix socket; no thread of its own.
#pragma once

#include <string>

#include "core/error.h"
#include "core/ip_address.h"

namespace sluice {

class ListenSocket {
 public:
  // Before anything runs: while the port is taken it tries again for half a second.
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

}  // namespace sluice
