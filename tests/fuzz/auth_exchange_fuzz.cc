// AUTH: whatever the client answers, the exchange ends in credentials within bounds, or in a reply
// that can be sent. The first byte chooses the mechanism, each line is an answer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/assert.h"
#include "smtp/authentication.h"
#include "smtp/base64.h"

namespace {

using namespace sluice::smtp;

void check_refusal(const Reply& refusal) {
  SLUICE_ASSERT(refusal.is_permanent(), "a bad answer stays bad");
  std::string wire;
  append_wire(refusal, wire);
  SLUICE_ASSERT(wire.find('\n') == wire.size() - 1, "a refusal is one line");
}

void check_credentials(const Credentials& credentials) {
  SLUICE_ASSERT(!credentials.user.empty(), "a user has a name");
  SLUICE_ASSERT(credentials.user.size() <= kUserBytesMax, "names are bounded");
  SLUICE_ASSERT(credentials.password.size() <= kPasswordBytesMax, "passwords are bounded");
  SLUICE_ASSERT(credentials.user.find('\0') == std::string::npos, "no name holds a NUL");
}

void check_base64(std::string_view text) {
  const auto bytes = decode_base64(text);
  if (!bytes) return;
  SLUICE_ASSERT(encode_base64(*bytes) == text, "there is one encoding of each text");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  AuthenticationExchange exchange(data[0] % 2 == 0 ? Mechanism::plain : Mechanism::login);
  bool is_first = data[0] % 4 >= 2;
  while (!exchange.is_complete() && !input.empty()) {
    const std::size_t end = std::min(input.find('\n'), input.size());
    const std::string_view line = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    check_base64(line);
    const auto refusal = is_first ? exchange.respond_first(line) : exchange.respond(line);
    is_first = false;
    if (!refusal) continue;
    check_refusal(*refusal);
    return 0;
  }
  if (exchange.is_complete()) check_credentials(exchange.take());
  return 0;
}
