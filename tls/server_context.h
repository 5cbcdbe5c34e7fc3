// ServerContext: everything that a server's connections share: certificates, versions, ciphers and
// the keys of tickets.
//
// Each certificate has a context of wolfSSL's; the ClientHello chooses: by the name it asks for,
// and by what the client can verify. ECDSA goes before RSA, because an RSA signature holds up a
// shard eight times as long. A reload makes a new one; connections keep theirs. Immutable, shared
// by the shards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "tls/certificate.h"
#include "tls/client_hello.h"
#include "tls/handles.h"
#include "tls/ticket_keys.h"
#include "tls/version.h"

namespace sluice::tls {

inline constexpr std::size_t kCertificatesMax = 1000;

struct ServerSettings {
  // At least one. Clients that ask for no name, or for one that nobody has, get the first or what
  // shares a name with it.
  std::vector<std::shared_ptr<const Certificate>> certificates;
  Version version_min = Version::tls_1_2;
  std::shared_ptr<TicketKeys> ticket_keys;
};

class ServerContext {
 public:
  static Result<std::shared_ptr<const ServerContext>> make(ServerSettings settings);
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  // Which certificate such a client is served with.
  const Certificate& certificate_for(const ClientHello& hello) const;

  // For the Engine: the context of that certificate.
  WOLFSSL_CTX* context_for(const ClientHello& hello) const;

 private:
  struct Entry {
    std::shared_ptr<const Certificate> certificate;
    ContextHandle context;
    bool is_default;  // for clients whose name nobody has
  };

  explicit ServerContext(std::shared_ptr<TicketKeys> ticket_keys);
  Result<void> add(std::shared_ptr<const Certificate> certificate, Version version_min);
  const Entry& choose(const ClientHello& hello) const;

  std::shared_ptr<TicketKeys> ticket_keys_;  // outlives the contexts, which point to it
  std::vector<Entry> entries_;
};

}  // namespace sluice::tls
