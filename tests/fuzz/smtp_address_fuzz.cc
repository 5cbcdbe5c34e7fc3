// Paths and mailboxes: what is taken keeps to its bounds and reads the same again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/assert.h"
#include "smtp/address.h"

namespace {

using namespace sluice::smtp;

void check(const Address& address) {
  SLUICE_ASSERT(address.local_part.size() <= kLocalPartBytesMax, "the local part is bounded");
  SLUICE_ASSERT(is_valid_domain(address.domain), "the domain is one");
  const auto again = parse_path('<' + address.to_string() + '>', PathKind::forward);
  SLUICE_ASSERT(again.has_value(), "an address that was taken is one");
  SLUICE_ASSERT(*again == address, "an address reads as it was written");
  for (const char c : address.to_string()) {
    SLUICE_ASSERT(c >= ' ', "no control character passes");
    SLUICE_ASSERT(c <= '~', "nothing beyond ASCII passes");
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  for (const auto kind : {PathKind::reverse, PathKind::forward}) {
    const auto path = parse_path(text, kind);
    if (path && !path->domain.empty()) check(*path);
  }
  if (const auto mailbox = parse_mailbox(text)) check(*mailbox);
  return 0;
}
