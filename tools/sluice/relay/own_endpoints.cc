#include "relay/own_endpoints.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::relay {
namespace {

bool is_unspecified(const IpAddress& address) {
  return address == IpAddress::v4(0) || address == IpAddress::from_bytes({});
}

}  // namespace

OwnEndpoints::OwnEndpoints(const RelayConfig& config, std::vector<IpAddress> machine)
    : machine_(std::move(machine)) {
  for (const ListenerSettings& listener : config.listeners) {
    listening_.insert(listening_.end(), listener.address.begin(), listener.address.end());
  }
}

bool OwnEndpoints::contain(const Endpoint& endpoint) const {
  const bool is_here = endpoint.address.is_loopback() ||
                       std::ranges::find(machine_, endpoint.address) != machine_.end();
  return std::ranges::any_of(listening_, [&](const Endpoint& listening) {
    if (listening.port != endpoint.port) return false;
    return listening.address == endpoint.address || (is_unspecified(listening.address) && is_here);
  });
}

std::vector<IpAddress> machine_addresses() {
  std::vector<IpAddress> addresses;
  ifaddrs* interfaces = nullptr;
  if (::getifaddrs(&interfaces) != 0) return addresses;
  for (const ifaddrs* one = interfaces; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const bool is_v4 = one->ifa_addr->sa_family == AF_INET;
    if (!is_v4 && one->ifa_addr->sa_family != AF_INET6) continue;
    sockaddr_storage storage{};
    std::memcpy(&storage, one->ifa_addr, is_v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    if (const auto endpoint = Endpoint::from_sockaddr(storage)) {
      addresses.push_back(endpoint->address);
    }
  }
  ::freeifaddrs(interfaces);
  return addresses;
}

}  // namespace sluice::relay
