#include "core/assert.h"

#include <cstdio>
#include <cstdlib>

namespace sluice {

void assert_failed(const char* condition, const char* reason, const char* file, int line) noexcept {
  std::fprintf(stderr, "sluice: assertion failed at %s:%d: %s (%s)\n", file, line, condition,
               reason);
  std::fflush(stderr);
  std::abort();
}

}  // namespace sluice
