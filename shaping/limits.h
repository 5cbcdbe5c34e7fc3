// ConnectionLimits: what a queue asks before it lets somebody open a connection.
//
// Only the question and its answers live here. Who counts (cells that every shard of the node
// shares, or a plain number in a test) is the caller's matter, so what asks stays pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::shaping {

enum class LimitVerdict : std::uint8_t {
  granted,     // a connection may be opened; give it back with release()
  route_full,  // the route has all the connections that it may have
  node_full,   // limits.outgoing_connections is reached
};

// The name of a wait for the limit, as operators read it: "connection slot".
std::string_view name_of_wait(LimitVerdict verdict);

class ConnectionLimits {
 public:
  ConnectionLimits() = default;
  ConnectionLimits(const ConnectionLimits&) = delete;
  ConnectionLimits& operator=(const ConnectionLimits&) = delete;
  virtual ~ConnectionLimits() = default;

  // Takes one connection of every limit that applies, or none. Never waits.
  [[nodiscard]] virtual LimitVerdict try_acquire() = 0;
  virtual void release() = 0;
};

}  // namespace sluice::shaping
