// Owners of wolfSSL's objects, by names that need none of its headers.
#pragma once

#include <memory>

struct WOLFSSL;
struct WOLFSSL_CTX;
struct WOLFSSL_SESSION;

namespace sluice::tls {

struct HandleDeleter {
  void operator()(WOLFSSL* connection) const;
  void operator()(WOLFSSL_CTX* context) const;
};
using ConnectionHandle = std::unique_ptr<WOLFSSL, HandleDeleter>;
using ContextHandle = std::unique_ptr<WOLFSSL_CTX, HandleDeleter>;

// What a client keeps to resume later: the ticket and its secret.
using ClientSession = std::shared_ptr<WOLFSSL_SESSION>;

}  // namespace sluice::tls
