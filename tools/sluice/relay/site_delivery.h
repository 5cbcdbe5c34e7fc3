// SiteDelivery: what one shard does for one site: it sends what it received or was granted over its
// own connections, and tells the site's home for how much more it has room.
//
// Lives on its shard. Decides nothing about order: that is the home's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "relay/connection_pool.h"
#include "relay/delivery.h"
#include "relay/outcome.h"
#include "relay/site_queue.h"
#include "spool/spool.h"

namespace sluice::relay {

// What an attempt left over, for the home queue.
struct Returned {
  QueuedRecord record;
  Duration wait;
};

struct SiteDeliveryParts {
  PoolParts pool;
  spool::Spool& spool;
  std::function<void(Returned)> give_back;  // to the home
  std::function<void(std::uint32_t)> want;  // from the home
  std::function<void()> on_ended;           // an envelope has ended
};

class SiteDelivery {
 public:
  explicit SiteDelivery(const SiteDeliveryParts& parts);

  // Sends it now if nobody waits and there is room; else gives it back for the home queue.
  void submit(LoadedEnvelope envelope);

  // The home granted these.
  void take(std::vector<spool::WaitingEnvelope> granted);

  // The home forgot what this shard asked for; or it has work, and asks for wants.
  void forget_wants() { asked_ = 0; }
  void offer_room();

  // The envelope's time ran out: its recipients are told so.
  void expire(spool::WaitingEnvelope waiting);

  void stop();
  void cut() { pool_.cut(); }
  Task<void> join();
  std::size_t in_flight() const { return scope_.size() + loaded_.size(); }

 private:
  void pump();
  void begin(LoadedEnvelope envelope, PooledConnection& connection);
  Task<void> attempt(LoadedEnvelope envelope, PooledConnection& connection);
  Task<void> load(spool::WaitingEnvelope waiting);
  Task<void> end_expired(spool::WaitingEnvelope waiting);
  Task<void> settle(AttemptResult attempt, spool::WaitingEnvelope waiting);
  Task<void> record(Outcome outcome, spool::WaitingEnvelope waiting);
  void return_unsent();
  const RetrySettings& retry_of(const spool::WaitingEnvelope& waiting) const;

  SiteDeliveryParts parts_;
  Shard& shard_;
  std::deque<LoadedEnvelope> loaded_;  // ready to be sent, waiting for a slot
  std::uint32_t loading_ = 0;
  std::uint32_t asked_ = 0;  // wants that the home has not granted
  bool is_stopping_ = false;
  TaskScope scope_;
  ConnectionPool pool_;
};

}  // namespace sluice::relay
