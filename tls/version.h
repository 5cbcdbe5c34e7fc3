// Version: the versions of TLS that are spoken.
#pragma once

#include <cstdint>

namespace sluice::tls {

enum class Version : std::uint8_t { tls_1_2, tls_1_3 };

}  // namespace sluice::tls
