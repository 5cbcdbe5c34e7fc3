// RouteSecurity: how the connections of a route are secured, and who the relay is there.
//
// Immutable. Made from the configuration when it is loaded, since it reads files.
#pragma once

#include <memory>
#include <optional>

#include "core/error.h"
#include "relay/config.h"
#include "smtp/client_settings.h"
#include "tls/client_context.h"

namespace sluice::relay {

struct RouteSecurity {
  TransportTls tls = TransportTls::none;
  std::shared_ptr<const tls::ClientContext> context = {};  // null: without TLS
  std::optional<smtp::ClientLogin> login = {};
};

// The contexts of a configuration, each made once.
class ClientContexts {
 public:
  // An Error names the key, and the file that cannot be read.
  static Result<ClientContexts> make(const RelayConfig& config);

  RouteSecurity security_of(const RouteSettings& route, const RelayConfig& config) const;

 private:
  std::shared_ptr<const tls::ClientContext> unverified_;
  std::shared_ptr<const tls::ClientContext> verified_;  // null: no route needs it
};

}  // namespace sluice::relay
