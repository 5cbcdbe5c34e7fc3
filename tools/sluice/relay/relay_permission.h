// RelayPermission: which clients of a listener may send through us without authentication.
//
// The networks of relay_networks. Where that key is unset: loopback clients, and only if every
// address of the listener is loopback, so that opening a listener to the world never opens the
// relay by accident. Immutable; shared by the sessions of a shard.
#pragma once

#include <vector>

#include "core/ip_address.h"
#include "relay/config.h"

namespace sluice::relay {

class RelayPermission {
 public:
  explicit RelayPermission(const ListenerSettings& listener);

  bool allows(const IpAddress& client) const;

 private:
  std::vector<IpNetwork> networks_;
  bool allows_loopback_ = false;
};

}  // namespace sluice::relay
