#include "core/descriptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "core/assert.h"

namespace sluice {

namespace {

// The kernel's interface takes every kind of address through this type.
const sockaddr* generic(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Result<void> bind_source(int descriptor, const IpAddress& local) {
  const int on = 1;
  // The port is chosen at connect, so that two connections to different peers may share one.
  setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  sockaddr_storage address{};
  const socklen_t length = Endpoint{local, 0}.to_sockaddr(address);
  if (bind(descriptor, generic(address), length) != 0)
    return std::unexpected(system_error("source address " + local.to_string(), errno));
  return {};
}

}  // namespace

Result<int> open_tcp_socket(const Endpoint& peer, const IpAddress* local) {
  const int family = peer.address.is_v4() ? AF_INET : AF_INET6;
  const int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor < 0) return std::unexpected(system_error("socket", errno));
  if (local == nullptr) return descriptor;
  if (auto bound = bind_source(descriptor, *local); !bound) {
    close_descriptor(descriptor);
    return std::unexpected(std::move(bound).error());
  }
  return descriptor;
}

void send_without_delay(int descriptor) {
  const int on = 1;
  // Fails on Unix sockets, which do not delay.
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

Result<Endpoint> peer_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return std::unexpected(system_error("getpeername", errno));
  if (address.ss_family == AF_UNIX) return Endpoint{IpAddress::v4(0), 0};
  return Endpoint::from_sockaddr(address);
}

void close_descriptor(int descriptor) {
  SLUICE_ASSERT(descriptor >= 0, "a descriptor is closed once");
  // An error of close() leaves nothing that could be done: the descriptor is gone either way.
  close(descriptor);
}

}  // namespace sluice
