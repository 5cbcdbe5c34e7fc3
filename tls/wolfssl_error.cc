#include "tls/wolfssl_error.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <wolfssl/ssl.h>

#include <array>

namespace sluice::tls {

std::string wolfssl_reason(int status) {
  std::array<char, WOLFSSL_MAX_ERROR_SZ> text{};
  wolfSSL_ERR_error_string_n(static_cast<unsigned long>(status), text.data(), text.size());
  return text.data();
}

}  // namespace sluice::tls
