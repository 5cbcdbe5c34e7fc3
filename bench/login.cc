#include "bench/login.h"

#include <cstdlib>

namespace sluice::bench {

Result<std::string> password_from_environment() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread
  const char* const password = std::getenv("SLUICE_LOAD_PASSWORD");
  if (password == nullptr) {
    return fail(ErrorCode::syntax, "--user needs the password in SLUICE_LOAD_PASSWORD");
  }
  return password;
}

}  // namespace sluice::bench
