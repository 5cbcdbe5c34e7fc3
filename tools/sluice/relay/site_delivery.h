// SiteDelivery: what one shard does for one site: it sends what it received or was granted over its
// own connections, and tells the site's home for how much more it has room.
//
// An envelope that was in a flight that died goes alone: on a connection on which nothing else
// flies, so that a message that kills connections hurts no other one.
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
#include "relay/dsn_sender.h"
#include "relay/in_flight.h"
#include "relay/kept_envelopes.h"
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
  KeptEnvelopes& kept;                                          // of the shard
  DsnSender& dsn;                                               // likewise
  std::function<void(Returned)> give_back;                      // to the home
  std::function<void(std::uint32_t)> want;                      // from the home
  std::function<void(const spool::WaitingEnvelope&)> on_ended;  // an envelope has ended
};

class SiteDelivery {
 public:
  explicit SiteDelivery(const SiteDeliveryParts& parts);

  // Sends it now if nobody waits and there is room; else gives it back for the home queue.
  void submit(LoadedEnvelope envelope);

  // The home granted these.
  void take(const std::vector<QueuedRecord>& granted);

  // The home forgot what this shard asked for; or it has work, and asks for wants.
  void forget_wants() { asked_ = 0; }
  void offer_room();

  // The envelope's time ran out: its recipients are told so.
  void expire(spool::WaitingEnvelope waiting);
  // No host takes its mail: each recipient fails with that reply, which is ours.
  void fail(spool::WaitingEnvelope waiting, smtp::Reply reply);

  // Nothing is here, and no connection is kept.
  bool is_idle() const;

  // The site is not used any more: what was not begun goes back to its home.
  void retire();

  void stop();
  void cut() { pool_.cut(); }
  Task<void> join();

  // visit(waiting, host) of every envelope that is here; host is empty while it is sent to none.
  template <class Visit>
  void for_each_in_flight(Visit&& visit) const {
    bool goes_on = true;
    const auto until = [&](const spool::WaitingEnvelope& waiting, const std::string& host) {
      goes_on = goes_on && visit(waiting, host);
      return goes_on;
    };
    in_flight_.for_each(until);
    for (const auto* envelopes : {&loaded_, &lone_}) {
      for (const LoadedEnvelope& envelope : *envelopes) until(envelope.waiting, std::string());
    }
  }

 private:
  void pump();
  void pump_lone();
  void keep_loaded(LoadedEnvelope envelope);
  std::uint16_t origin_here() const { return shard_.id().value(); }
  void give_back_unread(const Error& error, QueuedRecord record);
  void begin(LoadedEnvelope envelope, PooledConnection& connection);
  Task<void> attempt(LoadedEnvelope envelope, PooledConnection& connection);
  Task<void> load(QueuedRecord record);
  Task<void> end_expired(spool::WaitingEnvelope waiting);
  Task<void> end_failed(spool::WaitingEnvelope waiting, smtp::Reply reply);
  Task<void> settle(AttemptResult attempt, spool::WaitingEnvelope waiting);
  Task<void> record_ended(AttemptResult& attempt, LoadedEnvelope& envelope,
                          const PooledConnection& connection);
  Task<void> store(spool::EnvelopeOutcome outcome);
  Task<void> record(Outcome outcome, QueuedRecord left);
  void return_unsent();
  const RetrySettings& retry_of(const spool::WaitingEnvelope& waiting) const;

  SiteDeliveryParts parts_;
  Shard& shard_;
  InFlight in_flight_;
  std::deque<LoadedEnvelope> loaded_;  // ready to be sent, waiting for a slot
  std::deque<LoadedEnvelope> lone_;    // likewise, for a connection of its own
  std::uint32_t loading_ = 0;
  std::uint32_t asked_ = 0;  // wants that the home has not granted
  bool is_stopping_ = false;
  TaskScope scope_;
  ConnectionPool pool_;
};

}  // namespace sluice::relay
