// HostConnector: opens a session with a host: one address after the other, secured as the
// route demands, logged in.
//
// Where TLS is opportunistic and fails, the same address is tried once more in clear, and the host
// is not asked for TLS again for three days (Site). Lives on its shard.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/shard.h"
#include "relay/config.h"
#include "relay/route_security.h"
#include "relay/site.h"
#include "smtp/client_session.h"

namespace sluice::relay {

// Where a host is: its addresses in the order in which they are tried.
using HostAddresses = std::function<Task<Result<std::vector<Endpoint>>>(SmartHost)>;

struct OpenedHost {
  std::unique_ptr<smtp::ClientSession> session;
  std::string name;  // "name[address]:port"
  std::string tls;   // "TLSv1.3"; "none"
};

// Why a host could not be had.
struct HostFailure {
  std::string reason;
  bool needs_operator = false;  // it refused our login: trying again soon helps nobody
  bool has_tls_failed = false;
};

class HostConnector {
 public:
  struct Parts {
    Shard& shard;
    const RelayConfig& config;
    const RouteSecurity& security;
    Site& site;
    HostAddresses addresses_of;
  };
  explicit HostConnector(const Parts& parts);

  Task<std::expected<OpenedHost, HostFailure>> open(std::size_t host);

 private:
  using Opening = std::expected<OpenedHost, HostFailure>;
  enum class Security : std::uint8_t { clear, as_demanded };
  Task<Opening> open_address(std::size_t host, Endpoint endpoint);
  Task<Opening> try_address(std::size_t host, Endpoint endpoint, Security security);
  smtp::ClientSettings settings_for(Security security) const;

  Parts parts_;
};

}  // namespace sluice::relay
