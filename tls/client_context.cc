#include "tls/client_context.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <string.h>
#include <wolfssl/ssl.h>

#include "tls/engine.h"

namespace sluice::tls {

Result<std::unique_ptr<ClientContext>> ClientContext::make(Resumption resumption) {
  WOLFSSL_CTX* const context = wolfSSL_CTX_new(wolfTLS_client_method());
  if (context == nullptr) return fail(ErrorCode::system, "no memory for TLS");
  std::unique_ptr<ClientContext> made(new ClientContext(context, resumption));
  const bool is_set = wolfSSL_CTX_SetMinVersion(context, WOLFSSL_TLSV1_2) == WOLFSSL_SUCCESS;
  if (!is_set) return fail(ErrorCode::system, "TLS: the minimum version cannot be set");
  wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_NONE, nullptr);
  if (resumption == Resumption::yes) wolfSSL_CTX_UseSessionTicket(context);
  Engine::prepare(context);
  return made;
}

ClientContext::~ClientContext() {
  if (session_ != nullptr) wolfSSL_SESSION_free(session_);
  wolfSSL_CTX_free(context_);
}

void ClientContext::remember(WOLFSSL_SESSION* session) {
  if (session_ != nullptr) wolfSSL_SESSION_free(session_);
  session_ = session;
}

}  // namespace sluice::tls
