#include "tls/library.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <fmt/format.h>
#include <wolfssl/ssl.h>

namespace sluice::tls {

Result<void> initialise() {
  const int status = wolfSSL_Init();
  if (status == WOLFSSL_SUCCESS) return {};
  return fail(ErrorCode::system, fmt::format("wolfSSL cannot be initialised (status {})", status));
}

std::string version() { return fmt::format("wolfSSL {}", wolfSSL_lib_version()); }

}  // namespace sluice::tls
