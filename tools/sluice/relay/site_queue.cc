#include "relay/site_queue.h"

#include <algorithm>

namespace sluice::relay {
namespace {

Duration patience(std::size_t /*origin*/) { return kOriginPatience; }

}  // namespace

void SiteQueue::push(QueuedRecord record, Instant now, Duration wait) {
  if (wait > Duration(0)) {
    scheduled_.push(now + wait, record.waiting);
    return;
  }
  ready_.push_back(origin_of(record), now, record.waiting);
}

std::vector<spool::WaitingEnvelope> SiteQueue::advance(Instant now, WallTime wall) {
  std::vector<spool::WaitingEnvelope> expired;
  while (scheduled_.has_due(now)) {
    spool::WaitingEnvelope waiting = scheduled_.pop();
    if (waiting.expiry <= wall) {
      expired.push_back(waiting);
    } else {
      ready_.push_back(ready_.nobody(), now, waiting);
    }
  }
  return expired;
}

std::vector<spool::WaitingEnvelope> SiteQueue::take_expired(WallTime wall) {
  std::vector<spool::WaitingEnvelope> expired;
  ready_.extract([wall](const spool::WaitingEnvelope& waiting) { return waiting.expiry <= wall; },
                 [&expired](spool::WaitingEnvelope waiting) { expired.push_back(waiting); });
  return expired;
}

std::vector<spool::WaitingEnvelope> SiteQueue::grant(std::size_t shard, Instant now) {
  std::vector<spool::WaitingEnvelope> granted;
  while (wanted_[shard] > 0) {
    auto item = ready_.take_for(shard, now, patience);
    if (!item) break;
    granted.push_back(*item);
    --wanted_[shard];
  }
  return granted;
}

Instant SiteQueue::next(Instant now) const {
  Instant next = scheduled_.next();
  const bool is_wanted = std::ranges::any_of(wanted_, [](std::uint32_t n) { return n > 0; });
  if (is_wanted && !ready_.empty()) {
    next = std::min(next, std::max(ready_.next_patience_end(patience), now));
  }
  return next;
}

}  // namespace sluice::relay
