#include "bench/login.h"

#include <fmt/format.h>

#include <cstdlib>

#include "smtp/base64.h"

namespace sluice::bench {

std::string plain_login(std::string_view user, std::string_view password) {
  const std::string secret = fmt::format("{}{}{}{}", '\0', user, '\0', password);
  return fmt::format("AUTH PLAIN {}\r\n", smtp::encode_base64(secret));
}

Result<std::string> password_from_environment() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread
  const char* const password = std::getenv("SLUICE_LOAD_PASSWORD");
  if (password == nullptr) {
    return fail(ErrorCode::syntax, "--user needs the password in SLUICE_LOAD_PASSWORD");
  }
  return password;
}

}  // namespace sluice::bench
