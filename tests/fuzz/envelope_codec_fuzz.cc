// Whatever is decoded is what its own encoding decodes to.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/assert.h"
#include "relay/envelope_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::relay;  // NOLINT(google-build-using-namespace): the functions under test
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto message = decode_message_metadata(bytes)) {
    const auto again = decode_message_metadata(encode(*message));
    SLUICE_ASSERT(again.has_value(), "what was encoded can be decoded");
    SLUICE_ASSERT(*again == *message, "nothing is lost");
  }
  if (const auto envelope = decode_envelope_metadata(bytes)) {
    const auto again = decode_envelope_metadata(encode(*envelope));
    SLUICE_ASSERT(again.has_value(), "what was encoded can be decoded");
    SLUICE_ASSERT(*again == *envelope, "nothing is lost");
  }
  return 0;
}
