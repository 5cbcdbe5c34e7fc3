// SiteQueue: the envelopes that wait for one site, on its home shard.
//
// It decides and never waits: what is due becomes ready, what is ready is granted to the shards
// that asked, first to the one that holds the body. Knows no sockets and no spool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "relay/dispatcher.h"
#include "shaping/ready_queue.h"
#include "shaping/scheduled_queue.h"
#include "spool/spool.h"

namespace sluice::relay {

// How long an envelope is left to the shard that holds its body.
inline constexpr Duration kOriginPatience = std::chrono::milliseconds(20);

// An envelope on its way to a queue; origin is a shard, or kNobody.
struct QueuedRecord {
  spool::WaitingEnvelope waiting;
  std::uint16_t origin;
};
inline constexpr std::uint16_t kNobody = 0xFFFF;

class SiteQueue {
 public:
  explicit SiteQueue(std::size_t shards) : ready_(shards), wanted_(shards, 0) {}

  // Due at once, or after `wait`.
  void push(QueuedRecord record, Instant now, Duration wait);

  // The shard has room for so many.
  void want(std::size_t shard, std::uint32_t count) { wanted_[shard] += count; }
  void forget_wants() { wanted_.assign(wanted_.size(), 0); }

  // Moves what is due to the ready queue; takes out what has expired.
  std::vector<spool::WaitingEnvelope> advance(Instant now, WallTime wall);
  // All that is ready and has expired, for a site that is in backoff.
  std::vector<spool::WaitingEnvelope> take_expired(WallTime wall);

  // What the shard gets now, within its wants.
  std::vector<spool::WaitingEnvelope> grant(std::size_t shard, Instant now);

  // When advance() or grant() has something to do, if nothing else happens before.
  Instant next(Instant now) const;

  bool has_ready() const { return !ready_.empty(); }
  std::size_t size() const { return ready_.size() + scheduled_.size(); }

  template <class Visit>
  void for_each_ready(Visit&& visit) const {
    ready_.for_each(std::forward<Visit>(visit));
  }
  template <class Visit>
  void for_each_scheduled(Visit&& visit) const {
    scheduled_.for_each(std::forward<Visit>(visit));
  }

 private:
  std::size_t origin_of(const QueuedRecord& record) const {
    return record.origin < ready_.nobody() ? record.origin : ready_.nobody();
  }
  shaping::ReadyQueue<spool::WaitingEnvelope> ready_;
  shaping::ScheduledQueue<spool::WaitingEnvelope> scheduled_;
  std::vector<std::uint32_t> wanted_;
};

}  // namespace sluice::relay
