// ShardDispatcher: a shard's part of dispatching. shard_dispatcher.cc decides what goes out and
// what waits; dispatch_rows.cc shows it.
//
// It sends what its own sessions accepted, keeps the queues of the sites whose home it is, and
// talks by letter to the dispatchers of the other shards.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/event.h"
#include "core/task_scope.h"
#include "relay/delivery_metrics.h"
#include "relay/kept_envelopes.h"
#include "relay/shared_dispatch.h"
#include "relay/site_delivery.h"
#include "relay/site_queue.h"

namespace sluice::relay {

// What one shard keeps of one site.
struct LocalSite {
  PlannedSite planned;
  std::unique_ptr<SiteDelivery> delivery;
  std::unique_ptr<SiteQueue> queue;  // on the home shard only
  std::unique_ptr<Event> changed;    // the queue changed; on the home shard only
  std::vector<Returned> outgoing;    // to the home, one letter a turn
  std::uint32_t wanted = 0;          // likewise
  bool is_posting = false;
  std::size_t next_shard = 0;  // granted first, in turns
  Instant expiry_checked_at = Instant(0);
};

class ShardDispatcher final : public Dispatcher {
 public:
  ShardDispatcher(std::shared_ptr<SharedDispatch> shared, Shard& shard);
  ~ShardDispatcher() override;

  void submit(FreshEnvelope envelope) override;
  Task<void> run() override;
  void release() override;
  void prepare(std::shared_ptr<const DispatchPlan> plan) override;
  void adopt(std::shared_ptr<const DispatchPlan> plan) override;
  void release_tenants() override;
  void stop(Deadline deadline) override;
  std::vector<QueueSummary> summarise() const override;
  std::vector<QueuedEnvelope> list(std::size_t most) const override;
  std::vector<QueuedEnvelope> find(spool::MessageId message) const override;
  HeldBack held_back() const override;
  std::uint64_t pending() const override;

  // At home: what comes from the shards.
  void queue(std::size_t site, const std::vector<Returned>& returned);
  void want(std::size_t site, std::size_t shard, std::uint32_t count);

  void wake_homes();

  SiteDelivery& delivery(std::size_t site) { return *sites_[site].delivery; }

 private:
  void open_site(PlannedSite planned);
  void rehome(std::size_t site);
  QueueOwner owner_of(std::uint32_t queue) const;
  bool is_held(std::uint32_t queue) const;
  void note_ended(const spool::WaitingEnvelope& ended);
  void give_back(std::size_t site, Returned returned);
  void post_soon(std::size_t site);
  Task<void> post(std::size_t site);
  Task<void> keep(std::size_t site);
  Deadline time_to_serve(std::size_t site) const;
  void serve(std::size_t site);
  void grant(std::size_t site);
  void stop_waiting(std::size_t site);
  void expire(std::size_t site, const std::vector<QueuedRecord>& expired);
  template <class Act>
  void tell(std::size_t shard, Act act);
  template <class Visit>
  void visit_all(Visit&& visit) const;
  template <class Visit>
  bool visit_site(std::size_t site, Visit& visit) const;

  std::shared_ptr<SharedDispatch> shared_;
  Shard& shard_;
  DeliveryMetrics metrics_;
  std::shared_ptr<const DispatchPlan> plan_;
  std::deque<LocalSite> sites_;  // by number; grows by reloads, while tasks refer to what is there
  mutable std::unordered_map<std::uint32_t, QueueOwner> owner_by_queue_;  // what was asked before
  KeptEnvelopes kept_;
  Event stopped_;
  Deadline stop_deadline_ = Deadline::never();
  bool is_held_;
  bool is_running_ = false;
  bool is_stopping_ = false;
  TaskScope scope_;
};

}  // namespace sluice::relay
