// HostConnector: opens a session with a host: one address after the other, secured as the
// route demands, logged in.
//
// Where TLS is opportunistic and fails, the same address is tried once more in clear, and the host
// is not asked for TLS again for three days (Site). A connection that is secured resumes the TLS of
// the last one to its host (RFC 8446 §2.2): what was verified then was verified under the same
// policy, since a connector serves one site. Lives on its shard.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/shard.h"
#include "relay/config.h"
#include "relay/route_security.h"
#include "relay/site.h"
#include "smtp/client_session.h"
#include "tls/securable_stream.h"

namespace sluice::relay {

// Where a host is: its addresses in the order in which they are tried.
using HostAddresses = std::function<Task<Result<std::vector<Endpoint>>>(SmartHost)>;

struct OpenedHost {
  std::unique_ptr<smtp::ClientSession> session;
  const tls::SecurableStream* stream;  // of the session, which owns it
  std::string name;                    // "name[address]:port"
  std::string tls;                     // "TLSv1.3"; "none"
  bool is_resumed = false;             // TLS went on from an earlier connection
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

  // The connection ends in order: the next one to that host resumes its TLS.
  void keep_session(std::size_t host, const tls::SecurableStream& stream);

 private:
  using Opening = std::expected<OpenedHost, HostFailure>;
  enum class Security : std::uint8_t { clear, as_demanded };
  Task<Opening> open_address(std::size_t host, Endpoint endpoint);
  Task<Opening> try_address(std::size_t host, Endpoint endpoint, Security security);
  smtp::ClientSettings settings_for(Security security) const;

  Parts parts_;
  std::map<std::size_t, tls::ClientSession> sessions_;  // of TLS, by host
};

}  // namespace sluice::relay
