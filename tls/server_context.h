// ServerContext: what a server shows its clients and speaks with them: certificates, versions,
// ciphers, tickets.
//
// Immutable and shared by all shards; connections in progress keep theirs when certificates are
// loaded anew. Only forward-secret AEAD ciphers are spoken: nothing anonymous, no CBC, no RC4, no
// static RSA.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/error.h"
#include "tls/certificate.h"
#include "tls/client_hello.h"
#include "tls/ticket_keys.h"

struct WOLFSSL_CTX;

namespace sluice::tls {

enum class MinVersion : std::uint8_t { tls_1_2, tls_1_3 };

class ServerContext {
 public:
  // At least one certificate; the first is for clients that name nobody we know.
  struct Settings {
    std::vector<Certificate> certificates;
    MinVersion min_version = MinVersion::tls_1_2;
    std::shared_ptr<TicketKeys> ticket_keys;
  };
  static Result<std::shared_ptr<const ServerContext>> make(Settings settings);
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;
  ~ServerContext();

  // Of those for the name that the client asks for, else of all: the first with ECDSA when the
  // client can verify it, since an RSA signature takes a shard twenty times as long; else the first
  // that it can verify, else the first.
  const Certificate& choose(const ClientHello& hello) const;

 private:
  friend class Engine;

  explicit ServerContext(Settings settings);
  Result<void> open_contexts();
  std::size_t index_for(const ClientHello& hello) const;
  WOLFSSL_CTX* context_for(const ClientHello& hello) const;

  Settings settings_;
  std::vector<WOLFSSL_CTX*> contexts_;  // by certificate; owned
};

}  // namespace sluice::tls
