// A PROXY header: whatever comes is refused or read within its bounds, and what was decided stays
// so when more arrives.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/assert.h"
#include "core/proxy_header.h"

namespace {

using namespace sluice;

void check_whole(std::string_view text) {
  const auto header = parse_proxy_header(text);
  if (!header) return;
  if (!*header) {
    SLUICE_ASSERT(text.size() < kProxyHeaderBytesMax, "nobody waits for more than the bound");
    return;
  }
  SLUICE_ASSERT((*header)->bytes <= text.size(), "it lies within what came");
  SLUICE_ASSERT((*header)->bytes <= kProxyHeaderBytesMax, "it is bounded");
  SLUICE_ASSERT(begins_proxy_header(text), "it begins as a header does");
  const auto alone = parse_proxy_header(text.substr(0, (*header)->bytes));
  SLUICE_ASSERT(alone.has_value() && *alone == *header, "what follows does not change it");
}

// Once it is refused or read it stays so, whatever follows.
void check_growth(std::string_view text, std::size_t bytes) {
  const auto part = parse_proxy_header(text.substr(0, bytes));
  const auto whole = parse_proxy_header(text);
  if (!part) SLUICE_ASSERT(!whole.has_value(), "what was refused stays refused");
  if (part && *part) {
    SLUICE_ASSERT(whole.has_value() && *whole == *part, "what was read stays as it is");
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  check_whole(text);
  check_growth(text, text.size() / 2);
  if (!text.empty()) check_growth(text, text.size() - 1);
  return 0;
}
