// BodyType: what a sender declares of a body's bytes (BODY= of MAIL, RFC 6152 §2).
#pragma once

#include <cstdint>

namespace sluice::smtp {

enum class BodyType : std::uint8_t { seven_bit, eight_bit_mime };

}  // namespace sluice::smtp
