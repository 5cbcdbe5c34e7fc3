// OwnEndpoints: where this relay listens, so that it does not deliver to itself (RFC 5321 §5.1).
//
// A listener on every address (0.0.0.0, ::) stands for each address that the machine had when this
// was made. Immutable.
#pragma once

#include <vector>

#include "core/ip_address.h"
#include "relay/config.h"

namespace sluice::relay {

class OwnEndpoints {
 public:
  // Of the listeners; `machine` are the addresses of the machine's interfaces.
  OwnEndpoints(const RelayConfig& config, std::vector<IpAddress> machine);

  bool contain(const Endpoint& endpoint) const;

 private:
  std::vector<Endpoint> listening_;
  std::vector<IpAddress> machine_;
};

// Of the interfaces that are up; empty when the kernel does not tell.
std::vector<IpAddress> machine_addresses();

}  // namespace sluice::relay
