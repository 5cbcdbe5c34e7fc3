// ShardDispatcher: a shard's part of dispatching. shard_dispatcher.cc decides where each envelope
// goes and carries it there; local_sites.cc keeps what the shard has of each site; dispatch_rows.cc
// shows it.
//
// It sends what its own sessions accepted, keeps the queues of the sites whose home it is, looks up
// the hosts of the domains whose home it is, and talks by letter to the dispatchers of the other
// shards.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/event.h"
#include "core/resolver.h"
#include "core/task_scope.h"
#include "relay/delivery_metrics.h"
#include "relay/exchange_resolver.h"
#include "relay/kept_envelopes.h"
#include "relay/local_site.h"
#include "relay/shared_dispatch.h"

namespace sluice::relay {

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

 private:
  // A queue's owner, and for how long its mail goes to which site where DNS says so.
  struct KnownOwner {
    QueueOwner owner;
    std::size_t exchange = kUnroutedSite;
    Instant exchange_until{0};
  };

  // Where an envelope goes now: a site whose hosts are known, or that of its route.
  std::size_t place_of(const spool::WaitingEnvelope& waiting) const;
  const QueueOwner& owner_of(const spool::WaitingEnvelope& waiting) const {
    return known_owner_of(waiting.queue, waiting.klass).owner;
  }
  KnownOwner& known_owner_of(std::uint32_t queue, std::uint8_t klass) const;
  Tenant* tenant_of(std::uint32_t queue) const { return known_owner_of(queue, 0).owner.tenant; }
  bool is_held(std::uint32_t queue) const;
  std::string domain_of(std::uint32_t queue) const;
  void note_ended(const spool::WaitingEnvelope& ended);
  void give_back(std::size_t site, Returned returned);
  void give_back_from(const LocalSite& local, Returned returned);
  void post_soon(LocalSite& local);
  Task<void> post(LocalSite& local);
  void post_to_stages(const LocalSite& local, const std::vector<Returned>& returned);
  void rehome(LocalSite& local);
  template <class Act>
  void tell(std::size_t shard, Act act);

  // Null: the shard has no part of it.
  LocalSite* find_local(std::size_t site) const;
  // Opened when it is not there. Null: it has been forgotten, or the shard stops.
  LocalSite* local(std::size_t site);
  LocalSite& open_site(std::size_t number, PlannedSite planned);
  PoolParts pool_parts(const PlannedSite& planned);
  std::unique_ptr<SiteHome> make_home(LocalSite& local);
  std::unique_ptr<MxStage> make_stage(LocalSite& local);
  void start(LocalSite& local);
  Task<void> close_idle_sites();
  Task<void> close_site(std::unique_ptr<LocalSite> local);
  Task<void> close_all();

  template <class Visit>
  void visit_all(Visit&& visit) const;
  template <class Visit>
  bool visit_site(const LocalSite& local, Visit& visit) const;
  template <class Visit>
  bool visit_home(const LocalSite& local, Visit& visit) const;
  template <class Visit>
  bool visit_stage(const LocalSite& local, Visit& visit) const;

  std::shared_ptr<SharedDispatch> shared_;
  Shard& shard_;
  DeliveryMetrics metrics_;
  DnsMetrics dns_metrics_;
  std::unique_ptr<Resolver> resolver_;
  ExchangeResolver exchanges_;
  std::shared_ptr<const DispatchPlan> plan_;
  std::map<std::size_t, std::unique_ptr<LocalSite>> sites_;       // by number
  mutable std::unordered_map<std::uint64_t, KnownOwner> owners_;  // by queue and class
  KeptEnvelopes kept_;
  DsnSender dsn_;
  Event stopped_;
  Deadline stop_deadline_ = Deadline::never();
  bool is_held_;
  bool is_running_ = false;
  bool is_stopping_ = false;
  TaskScope scope_;
};

// Runs act(dispatcher) on that shard: at once when it is this one.
template <class Act>
void ShardDispatcher::tell(std::size_t shard, Act act) {
  if (shard == shard_.id().value()) return act(*this);
  Shard& target = shared_->shards.at(ShardId(static_cast<std::uint16_t>(shard)));
  shard_.outbox_to(target.mailbox())
      .send([shared = shared_, shard, act = std::move(act)]() mutable {
        if (ShardDispatcher* dispatcher = shared->dispatchers[shard]) act(*dispatcher);
      });
}

}  // namespace sluice::relay
