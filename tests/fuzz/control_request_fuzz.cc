// A request that is understood is understood again after it was written anew.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/assert.h"
#include "relay/control_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::relay;  // NOLINT(google-build-using-namespace): the functions under test
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  if (const auto request = parse_control_request(line)) {
    const auto again = parse_control_request(encode(*request));
    SLUICE_ASSERT(again.has_value(), "our own request is understood");
    SLUICE_ASSERT(again->command == request->command, "the command stays");
    SLUICE_ASSERT(again->domain == request->domain, "the domain stays");
    SLUICE_ASSERT(again->timeout == request->timeout, "the timeout stays");
  }
  return 0;
}
