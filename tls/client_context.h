// ClientContext: what the connections of a client share: whom it trusts and what it speaks.
//
// Immutable, shared by the shards.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/error.h"
#include "tls/handles.h"
#include "tls/version.h"

namespace sluice::tls {

// What a client demands of the server's certificate.
enum class Verification : std::uint8_t {
  none,            // encrypts only: any certificate will do
  chain_and_name,  // an authority of the file vouches for the name that was asked for
};

struct ClientSettings {
  Verification verification = Verification::chain_and_name;
  std::string authorities_file = {};  // PEM; for chain_and_name
  Version version_min = Version::tls_1_2;
  Version version_max = Version::tls_1_3;
};

class ClientContext {
 public:
  static Result<std::shared_ptr<const ClientContext>> make(const ClientSettings& settings);
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  Verification verification() const { return verification_; }
  WOLFSSL_CTX* context() const { return context_.get(); }  // for the Engine

 private:
  ClientContext(ContextHandle context, Verification verification)
      : context_(std::move(context)), verification_(verification) {}

  ContextHandle context_;
  Verification verification_;
};

}  // namespace sluice::tls
