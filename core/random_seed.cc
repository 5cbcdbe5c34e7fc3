#include <sys/random.h>

#include "core/assert.h"
#include "core/random.h"

namespace sluice {

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  const ssize_t bytes = getrandom(&seed, sizeof(seed), 0);
  SLUICE_ASSERT(bytes == sizeof(seed), "getrandom gives up to 256 bytes at once");
  return seed;
}

}  // namespace sluice
