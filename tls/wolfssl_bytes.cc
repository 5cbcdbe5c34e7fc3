#include "tls/wolfssl_bytes.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <fmt/format.h>
#include <wolfssl/ssl.h>

namespace sluice::tls {

std::string reason(int status) {
  const char* const words = wolfSSL_ERR_reason_error_string(static_cast<unsigned long>(status));
  return fmt::format("{}, error {}", words == nullptr ? "unknown" : words, status);
}

}  // namespace sluice::tls
