#include "relay/site_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/assert.h"

namespace sluice::relay {
namespace {

Duration patience(std::size_t /*origin*/) { return kOriginPatience; }

}  // namespace

void SiteQueue::push(QueuedRecord record, Instant now, Duration wait) {
  if (wait > Duration(0)) {
    scheduled_.push(now + wait, record);
    return;
  }
  ready_.push_back(origin_of(record), now, record);
}

std::vector<QueuedRecord> SiteQueue::advance(Instant now, WallTime wall) {
  std::vector<QueuedRecord> expired;
  while (scheduled_.has_due(now)) {
    const QueuedRecord record = scheduled_.pop();
    if (record.waiting.expiry <= wall) {
      expired.push_back(record);
    } else {
      ready_.push_back(ready_.nobody(), now, record);
    }
  }
  return expired;
}

std::vector<QueuedRecord> SiteQueue::take_expired(WallTime wall) {
  std::vector<QueuedRecord> expired;
  const auto has_expired = [wall](const QueuedRecord& record) {
    return record.waiting.expiry <= wall;
  };
  ready_.extract(has_expired,
                 [&expired](const QueuedRecord& record) { expired.push_back(record); });
  std::ranges::copy_if(parked_, std::back_inserter(expired), has_expired);
  std::erase_if(parked_, has_expired);
  return expired;
}

Granted SiteQueue::grant(std::size_t shard, Instant now, WallTime wall) {
  SLUICE_ASSERT(shard < wanted_.size(), "a shard of this process");
  Granted granted;
  while (wanted_[shard] > 0) {
    auto record = ready_.take_for(shard, now, patience);
    if (!record) break;
    if (record->waiting.expiry <= wall) {
      granted.expired.push_back(*record);
      continue;
    }
    if (is_held_(record->waiting.queue)) {
      parked_.push_back(*record);
      continue;
    }
    granted.envelopes.push_back(*record);
    --wanted_[shard];
  }
  return granted;
}

std::vector<SiteQueue::Taken> SiteQueue::take_out(
    const std::function<bool(const QueuedRecord&)>& is_wanted, Instant now) {
  std::vector<Taken> taken;
  const auto take_due = [&taken](const QueuedRecord& record) {
    taken.push_back(Taken{.record = record, .wait = Duration(0)});
  };
  ready_.extract(is_wanted, take_due);
  for (const QueuedRecord& record : parked_) {
    if (is_wanted(record)) take_due(record);
  }
  std::erase_if(parked_, is_wanted);
  scheduled_.extract(is_wanted, [&](Instant due, const QueuedRecord& record) {
    taken.push_back(Taken{.record = record, .wait = std::max(Duration(0), due - now)});
  });
  return taken;
}

void SiteQueue::release_parked(Instant now) {
  for (const QueuedRecord& record : std::exchange(parked_, {})) {
    ready_.push_back(origin_of(record), now, record);
  }
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
