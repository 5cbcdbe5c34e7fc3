// Records for tests of what counts them.
#pragma once

#include "spool/record.h"

namespace sluice::spool {

// Of a message with one envelope and one recipient.
inline EnvelopeRecord in_pack(std::uint64_t pack, std::uint32_t bytes = 100) {
  return {.location = {.pack = pack, .offset = 16, .bytes = bytes},
          .queue = 1,
          .next_attempt = WallTime(0),
          .expiry = WallTime(0),
          .attempts = 0,
          .recipients = 1,
          .envelopes = 1,
          .body_parts = 0,
          .klass = 0,
          .has_attempts_kept = false,
          .ended = {}};
}

}  // namespace sluice::spool
