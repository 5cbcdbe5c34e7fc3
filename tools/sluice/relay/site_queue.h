// SiteQueue: the envelopes that wait for one site, on its home shard.
//
// It decides and never waits: what is due becomes ready, what is ready is granted to the shards
// that asked, first to the one that holds the body. Nothing that has expired is granted, and what
// belongs to a held queue is parked until release_parked(). Knows no sockets, no spool and no
// clock.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "shaping/ready_queue.h"
#include "shaping/scheduled_queue.h"
#include "spool/spool.h"

namespace sluice::relay {

// How long an envelope is left to the shard that holds its body.
inline constexpr Duration kOriginPatience = std::chrono::milliseconds(20);

inline constexpr std::uint16_t kNobody = 0xFFFF;

// An envelope as the queues keep it, and on its way to them and back.
struct QueuedRecord {
  spool::WaitingEnvelope waiting;
  std::uint16_t origin = kNobody;  // the shard that holds its body, or nobody
  bool goes_alone = false;         // it was in a flight that died: nothing else flies with it
};
static_assert(sizeof(QueuedRecord) <= 64,
              "ten million envelopes wait in 2 GiB, with room to spare");

// What a shard gets, and what ran out of time instead.
struct Granted {
  std::vector<QueuedRecord> envelopes;
  std::vector<QueuedRecord> expired;
};

class SiteQueue {
 public:
  // Whether the envelopes of a queue, by its number, must not go out now.
  using IsHeld = std::function<bool(std::uint32_t queue)>;

  SiteQueue(std::size_t shards, IsHeld is_held)
      : is_held_(std::move(is_held)), ready_(shards), wanted_(shards, 0) {}

  // Due at once, or after `wait`.
  void push(QueuedRecord record, Instant now, Duration wait);

  // The shard has room for so many.
  void want(std::size_t shard, std::uint32_t count) { wanted_[shard] += count; }
  void forget_wants() { wanted_.assign(wanted_.size(), 0); }

  // Moves what is due to the ready queue; takes out what has expired.
  std::vector<QueuedRecord> advance(Instant now, WallTime wall);
  // All that is ready or parked and has expired, for a site that sends nothing. It looks at every
  // envelope.
  std::vector<QueuedRecord> take_expired(WallTime wall);

  // What the shard gets now, within its wants.
  Granted grant(std::size_t shard, Instant now, WallTime wall);

  // When advance() or grant() has something to do, if nothing else happens before.
  Instant next(Instant now) const;

  // Takes out what is_wanted, each with what is left of its wait.
  struct Taken {
    QueuedRecord record;
    Duration wait;
  };
  std::vector<Taken> take_out(const std::function<bool(const QueuedRecord&)>& is_wanted,
                              Instant now);

  // Some queue is held no longer: what is parked becomes ready, and is asked about again.
  void release_parked(Instant now);

  bool has_ready() const { return !ready_.empty(); }
  std::size_t ready_count() const { return ready_.size(); }
  bool has_parked() const { return !parked_.empty(); }
  std::size_t size() const { return ready_.size() + scheduled_.size() + parked_.size(); }

  // Visits each QueuedRecord until visit(record) returns false.
  template <class Visit>
  void for_each_ready(Visit&& visit) const {
    ready_.for_each(std::forward<Visit>(visit));
  }
  template <class Visit>
  void for_each_parked(Visit&& visit) const {
    for (const QueuedRecord& record : parked_) {
      if (!visit(record)) return;
    }
  }
  template <class Visit>
  void for_each_scheduled(Visit&& visit) const {
    scheduled_.for_each(std::forward<Visit>(visit));
  }

 private:
  std::size_t origin_of(const QueuedRecord& record) const {
    return record.origin < ready_.nobody() ? record.origin : ready_.nobody();
  }
  IsHeld is_held_;
  shaping::ReadyQueue<QueuedRecord> ready_;
  std::deque<QueuedRecord> parked_;  // due, of held queues, in the order in which they were met
  shaping::ScheduledQueue<QueuedRecord> scheduled_;
  std::vector<std::uint32_t> wanted_;
};

}  // namespace sluice::relay
