// Envelopes as the tests of the delivery half need them.
#pragma once

#include <array>
#include <cstdint>

#include "spool/spool.h"

namespace sluice::relay {

// The number is its message id.
inline spool::WaitingEnvelope waiting_envelope(std::uint8_t number, std::uint16_t recipients = 1) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[15] = number;
  return {.key = {.message = spool::MessageId::from_bytes(bytes), .ordinal = 0},
          .klass = 0,
          .queue = 0,
          .next_attempt = WallTime(0),
          .expiry = WallTime(1'000'000),
          .attempts = 0,
          .recipients_pending = recipients,
          .size = 0};
}

inline int number_of(const spool::WaitingEnvelope& waiting) {
  return waiting.key.message.bytes()[15];
}

}  // namespace sluice::relay
