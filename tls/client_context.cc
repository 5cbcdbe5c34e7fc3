#include "tls/client_context.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <fmt/format.h>
#include <wolfssl/ssl.h>

#include <utility>

#include "tls/cipher_policy.h"
#include "tls/wolfssl_bytes.h"

namespace sluice::tls {

namespace {

Result<void> trust(WOLFSSL_CTX* context, const ClientSettings& settings) {
  if (settings.verification == Verification::none) {
    wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_NONE, nullptr);
    return {};
  }
  wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER, nullptr);
  const int status =
      wolfSSL_CTX_load_verify_locations(context, settings.authorities_file.c_str(), nullptr);
  if (status == WOLFSSL_SUCCESS) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("{}: the certificates of authorities cannot be read ({})",
                          settings.authorities_file, reason(status)));
}

}  // namespace

Result<std::shared_ptr<const ClientContext>> ClientContext::make(const ClientSettings& settings) {
  const bool is_old = settings.version_max == Version::tls_1_2;
  ContextHandle context(
      wolfSSL_CTX_new(is_old ? wolfTLSv1_2_client_method() : wolfTLS_client_method()));
  if (context == nullptr) return fail(ErrorCode::system, "wolfSSL cannot make a context");
  const int minimum = settings.version_min == Version::tls_1_3 ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2;
  if (wolfSSL_CTX_SetMinVersion(context.get(), minimum) != WOLFSSL_SUCCESS ||
      wolfSSL_CTX_set_cipher_list(context.get(), kCipherPolicy) != WOLFSSL_SUCCESS ||
      wolfSSL_CTX_UseSessionTicket(context.get()) != WOLFSSL_SUCCESS) {
    return fail(ErrorCode::system, "this build of wolfSSL lacks the ciphers that are needed");
  }
  wolfSSL_CTX_set_session_cache_mode(context.get(), WOLFSSL_SESS_CACHE_OFF);
  if (auto trusted = trust(context.get(), settings); !trusted) {
    return std::unexpected(std::move(trusted).error());
  }
  return std::shared_ptr<const ClientContext>(
      new ClientContext(std::move(context), settings.verification));
}

}  // namespace sluice::tls
