// wolfssl_reason: what an error of wolfSSL means, in words for the log.
#pragma once

#include <string>

namespace sluice::tls {

// Of a status code, or of what wolfSSL_get_error() gave.
std::string wolfssl_reason(int status);

}  // namespace sluice::tls
