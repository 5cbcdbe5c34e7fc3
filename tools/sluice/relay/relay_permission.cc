#include "relay/relay_permission.h"

#include <algorithm>

#include "core/assert.h"

namespace sluice::relay {

RelayPermission::RelayPermission(const ListenerSettings& listener) {
  SLUICE_ASSERT(!listener.address.empty(), "a listener has an address");
  if (listener.relay_networks) {
    networks_ = *listener.relay_networks;
    return;
  }
  allows_loopback_ = std::ranges::all_of(
      listener.address, [](const Endpoint& endpoint) { return endpoint.address.is_loopback(); });
}

bool RelayPermission::allows(const IpAddress& client) const {
  if (allows_loopback_ && client.is_loopback()) return true;
  return std::ranges::any_of(
      networks_, [&client](const IpNetwork& network) { return network.contains(client); });
}

}  // namespace sluice::relay
