// The values of RET, ENVID, NOTIFY and ORCPT: what is taken keeps to its bounds and can be passed
// on as it is.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/assert.h"
#include "smtp/ascii.h"
#include "smtp/dsn_parameters.h"

namespace {

using namespace sluice::smtp;

void check_text(std::string_view text, std::size_t bytes_max) {
  SLUICE_ASSERT(!text.empty(), "what is given is not empty");
  SLUICE_ASSERT(text.size() <= bytes_max, "texts are bounded");
  for (const char c : text) SLUICE_ASSERT(is_visible(c), "no blank ends the parameter");
}

void check_notify(Notify notify) {
  SLUICE_ASSERT(notify != Notify::unset, "what is given says something");
  // RFC 3461 §4.1: NEVER stands alone.
  const bool is_never = has(notify, Notify::never);
  SLUICE_ASSERT(!is_never || notify == Notify::never, "never and anything else exclude each other");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  const auto content = parse_return_content(value);
  if (content) SLUICE_ASSERT(*content != ReturnContent::unset, "what is given says something");
  if (const auto notify = parse_notify(value)) check_notify(*notify);
  if (const auto id = parse_envelope_id(value)) {
    check_text(*id, kEnvelopeIdBytesMax);
    SLUICE_ASSERT(is_xtext(*id), "what was taken is xtext");
  }
  if (const auto recipient = parse_original_recipient(value)) {
    check_text(*recipient, kOriginalRecipientBytesMax);
    SLUICE_ASSERT(*recipient == value, "it is passed on as it came");
  }
  return 0;
}
