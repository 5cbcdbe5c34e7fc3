// ListenSocket's twin: it listens in the simulated network. A path becomes an address of its own,
// to which nobody outside connects.
#include <utility>

#include "core/descriptor.h"
#include "core/listener.h"
#include "tests/simulation/simulated_network.h"

namespace sluice {

namespace {

Result<int> listen_at(const Endpoint& endpoint) {
  const auto* const listener = simulation::network().listen(simulation::Side::relay, endpoint);
  if (listener == nullptr) {
    return fail(ErrorCode::refused, "cannot listen on " + endpoint.to_string());
  }
  return listener->number;
}

}  // namespace

ListenSocket::ListenSocket(int descriptor, Endpoint endpoint, std::string path)
    : descriptor_(descriptor), endpoint_(endpoint), path_(std::move(path)) {}

ListenSocket::ListenSocket(ListenSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      endpoint_(other.endpoint_),
      path_(std::exchange(other.path_, {})) {}

ListenSocket::~ListenSocket() {
  if (descriptor_ >= 0) close_descriptor(descriptor_);
}

Result<ListenSocket> ListenSocket::bind_tcp(const Endpoint& endpoint) {
  SLUICE_TRY(descriptor, listen_at(endpoint));
  return ListenSocket(descriptor, endpoint, {});
}

Result<ListenSocket> ListenSocket::bind_unix(const std::string& path) {
  const Endpoint nowhere{IpAddress::v4(0), 0};
  SLUICE_TRY(descriptor, listen_at(nowhere));
  return ListenSocket(descriptor, nowhere, path);
}

}  // namespace sluice
