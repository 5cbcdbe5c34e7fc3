// Quantities on the command lines of the load tools: "10KB", "50ms".
#pragma once

#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "core/units.h"

namespace sluice::bench {

// "0", "512", "10KB", "2MB", "1GiB".
Result<std::uint64_t> parse_bytes(std::string_view text);

// "50ms", "2s", "5m". A bare number is refused.
Result<Duration> parse_duration(std::string_view text);

}  // namespace sluice::bench
