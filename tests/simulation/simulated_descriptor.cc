// The twin of descriptor: sockets of the simulated network by their numbers.
#include <cerrno>

#include "core/assert.h"
#include "core/descriptor.h"
#include "tests/simulation/simulated_network.h"

namespace sluice {

using simulation::network;

namespace {

const IpAddress kOwnAddress = IpAddress::v4(0x0a000001);  // 10.0.0.1

}  // namespace

Result<int> open_tcp_socket(const Endpoint& /*peer*/, const IpAddress* local) {
  const Endpoint own{local != nullptr ? *local : kOwnAddress, 0};
  return network().open(simulation::Side::relay, own).number();
}

void send_without_delay(int /*descriptor*/) {}

Result<Endpoint> peer_of(int descriptor) {
  const simulation::Socket* const socket = network().find(descriptor);
  SLUICE_ASSERT(socket != nullptr, "a descriptor is open");
  // As getpeername says of a connection that was reset before it was accepted.
  if (socket->error() != 0) return std::unexpected(system_error("getpeername", ENOTCONN));
  return socket->remote();
}

void close_descriptor(int descriptor) {
  simulation::Socket* const socket = network().find(descriptor);
  if (socket == nullptr) return network().close_listener(descriptor);
  SLUICE_ASSERT(!socket->is_closed(), "a descriptor is closed once");
  socket->close();
}

}  // namespace sluice
