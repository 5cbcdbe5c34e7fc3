// outcome: what an AttemptResult means for the spool, the queue and the log.
#pragma once

#include "core/clock.h"
#include "relay/attempt_result.h"
#include "relay/config.h"
#include "relay/delivery_metrics.h"
#include "spool/spool.h"

namespace sluice::relay {

// What follows from an attempt.
struct Outcome {
  spool::EnvelopeOutcome record;  // for the spool
  bool is_recorded;               // nothing to tell the spool when no attempt was used
  bool is_ended;                  // no recipient is left
  Duration wait{0};               // until the next attempt, where some are left
  bool goes_alone = false;        // the next attempt: this one's flight died
};

// `chance` is uniform in [0, 1), for the jitter.
Outcome outcome_of(const AttemptResult& attempt, const spool::WaitingEnvelope& waiting,
                   const RetrySettings& retry, WallTime now, double chance);

// Every recipient that is left has run out of time.
Outcome expiry_of(const spool::WaitingEnvelope& waiting, std::vector<std::uint16_t> positions);

// One line per recipient that ended or was deferred, and the counters.
void log_attempt(const AttemptResult& attempt, DeliveryMetrics& metrics);

}  // namespace sluice::relay
