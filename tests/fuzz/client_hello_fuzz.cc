// A ClientHello: whatever comes is refused or read within its bounds, and what was decided stays so
// when more arrives.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/assert.h"
#include "tls/client_hello.h"

namespace {

using namespace sluice::tls;

void check_hello(std::string_view body) {
  SLUICE_ASSERT(body.size() <= kClientHelloBytesMax, "a message is bounded");
  const auto hello = parse_client_hello(body);
  if (!hello) return;
  SLUICE_ASSERT(hello->server_name.size() <= kServerNameBytesMax, "a name is bounded");
  for (const char c : hello->server_name) {
    SLUICE_ASSERT(c > ' ', "a name has no blanks or control characters");
    SLUICE_ASSERT(c < 0x7f, "a name is ASCII");
  }
  SLUICE_ASSERT(hello->cipher_suites.size() % 2 == 0, "a list holds whole numbers");
  for (const KeyKind kind : {KeyKind::rsa, KeyKind::ecdsa_p256, KeyKind::ecdsa_p384}) {
    static_cast<void>(hello->verifies(kind));
  }
}

// Once it is refused or found it stays so, whatever follows.
void check_growth(std::string_view text) {
  const auto whole = find_client_hello(text);
  const auto half = find_client_hello(text.substr(0, text.size() / 2));
  if (!half) SLUICE_ASSERT(!whole, "what was refused stays refused");
  if (half && *half) {
    SLUICE_ASSERT(whole.has_value(), "what was found stays found");
    SLUICE_ASSERT(*whole == *half, "it is the same message");
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  check_growth(text);
  const auto found = find_client_hello(text);
  if (found && *found) check_hello(**found);
  if (text.size() <= kClientHelloBytesMax) check_hello(text);
  return 0;
}
