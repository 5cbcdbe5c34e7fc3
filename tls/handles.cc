#include "tls/handles.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <wolfssl/ssl.h>

namespace sluice::tls {

void HandleDeleter::operator()(WOLFSSL* connection) const { wolfSSL_free(connection); }
void HandleDeleter::operator()(WOLFSSL_CTX* context) const { wolfSSL_CTX_free(context); }

}  // namespace sluice::tls
