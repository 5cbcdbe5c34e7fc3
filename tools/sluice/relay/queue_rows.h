// queue_rows: what an operator is told of the envelopes of a queue, and why they wait.
//
// It judges what it is given and asks nobody else: which envelopes there are is the dispatcher's
// matter. Used on the shard whose queues are told of.
#pragma once

#include <string>

#include "core/clock.h"
#include "relay/dispatcher.h"
#include "relay/site.h"

namespace sluice::relay {

// What envelopes wait for: their next attempt, the hosts of their domain, the end of a hold.
inline constexpr const char* kRetry = "retry";
inline constexpr const char* kDnsAnswer = "DNS answer";
inline constexpr const char* kDeliveryHeld = "delivery held";
// What holds envelopes whose route has left the configuration.
inline constexpr const char* kNoRoute = "no route";
// What holds the envelopes of a tenant: an operator, or that it has left the configuration.
inline constexpr const char* kTenantSuspended = "tenant suspended";
inline constexpr const char* kNoTenant = "no tenant";

// A row without an envelope and without a reason.
QueuedEnvelope row_of(const Site& site, EnvelopeState state);

// Why what is due waits, and until when at least; 0: nobody can tell.
struct ReadyWait {
  std::string name;
  WallTime ends{0};
};
ReadyWait ready_wait_of(Site& site, const LimitCell& node, const Clock& clock);

// Adds the envelope to the summary of its queue. The reason of what is due is told before that of
// what has its time yet to come.
void count_in(const QueuedEnvelope& envelope, QueueSummary& summary);

}  // namespace sluice::relay
