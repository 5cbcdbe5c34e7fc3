// Dates as header fields carry them (RFC 5322 §3.3), in UTC.
#pragma once

#include <string>

#include "core/clock.h"

namespace sluice::smtp {

// "Sat, 3 Jan 2026 09:05:07 +0000"
std::string format_date(WallTime time);

}  // namespace sluice::smtp
