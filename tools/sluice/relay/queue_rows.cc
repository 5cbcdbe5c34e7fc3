#include "relay/queue_rows.h"

#include "shaping/limits.h"

namespace sluice::relay {

QueuedEnvelope row_of(const Site& site, EnvelopeState state) {
  const spool::EnvelopeKey none{.message = spool::MessageId::from_bytes({}), .ordinal = 0};
  return QueuedEnvelope{.waiting = {.key = none,
                                    .klass = 0,
                                    .queue = 0,
                                    .next_attempt = WallTime(0),
                                    .expiry = WallTime(0),
                                    .attempts = 0,
                                    .recipients_pending = 0,
                                    .size = 0},
                        .queue = {},
                        .route = site.name(),
                        .state = state,
                        .waits_for = {},
                        .detail = {}};
}

ReadyWait ready_wait_of(Site& site, const LimitCell& node, const Clock& clock) {
  if (!site.has_hosts()) return {.name = kNoRoute};
  const Instant now = clock.now();
  const Instant backoff = site.backoff_until(now);
  const bool is_connected = site.connections().used() > 0;
  if (backoff != Instant::far_future() && !is_connected) {
    return {.name = "route backoff", .ends = clock.wall() + (backoff - now)};
  }
  auto verdict = shaping::LimitVerdict::granted;
  if (!node.has_room()) verdict = shaping::LimitVerdict::node_full;
  if (!site.connections().has_room()) verdict = shaping::LimitVerdict::route_full;
  return {.name = std::string(shaping::name_of_wait(verdict))};
}

void count_in(const QueuedEnvelope& envelope, QueueSummary& summary) {
  switch (envelope.state) {
    case EnvelopeState::in_flight:
      ++summary.in_flight;
      if (summary.waits_for.empty()) summary.waits_for = envelope.waits_for;
      return;
    case EnvelopeState::ready:
      ++summary.ready;
      summary.waits_for = envelope.waits_for;
      summary.detail = envelope.detail;
      break;
    case EnvelopeState::scheduled:
      ++summary.scheduled;
      if (summary.ready == 0) summary.waits_for = envelope.waits_for;
      break;
  }
  const WallTime next = envelope.waiting.next_attempt;
  if (summary.next_attempt == WallTime(0) || next < summary.next_attempt) {
    summary.next_attempt = next;
  }
}

}  // namespace sluice::relay
