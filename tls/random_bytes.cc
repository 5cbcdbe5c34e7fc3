#include "tls/random_bytes.h"

#include <unistd.h>

#include "core/assert.h"

namespace sluice::tls {

void fill_randomly(std::span<std::uint8_t> bytes) {
  SLUICE_ASSERT(bytes.size() <= kRandomBytesMax, "the kernel gives no more at a time");
  // It fails for longer requests, bad addresses and kernels before 3.17 only, and whoever went on
  // without it would give away every password.
  SLUICE_ASSERT(::getentropy(bytes.data(), bytes.size()) == 0, "the kernel has random bytes");
}

}  // namespace sluice::tls
