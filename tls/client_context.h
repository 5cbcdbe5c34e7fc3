// ClientContext: how we speak TLS to a server, and what we remember of it: the last session ticket,
// so that the next handshake is short. Certificates are not verified: that is for whoever encrypts
// where a passive listener is the only enemy, and for the load tools.
//
// Belongs to one shard.
#pragma once

#include <memory>

#include "core/error.h"

struct WOLFSSL_CTX;
struct WOLFSSL_SESSION;

namespace sluice::tls {

enum class Resumption : unsigned char { no, yes };

class ClientContext {
 public:
  static Result<std::unique_ptr<ClientContext>> make(Resumption resumption);
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;
  ~ClientContext();

 private:
  friend class Engine;
  ClientContext(WOLFSSL_CTX* context, Resumption resumption)
      : context_(context), resumption_(resumption) {}
  void remember(WOLFSSL_SESSION* session);  // takes it over

  WOLFSSL_CTX* context_;
  Resumption resumption_;
  WOLFSSL_SESSION* session_ = nullptr;
};

}  // namespace sluice::tls
