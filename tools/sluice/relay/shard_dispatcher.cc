#include "relay/shard_dispatcher.h"

#include <algorithm>
#include <utility>

#include "core/assert.h"
#include "core/shard_group.h"

namespace sluice::relay {
namespace {

constexpr Duration kQueueCheck = std::chrono::seconds(60);  // so that no jump of a clock stalls it
constexpr Duration kExpiryCheck = std::chrono::seconds(30);
constexpr std::size_t kOwnersKept = 65'536;

// What the envelopes kept by one shard may take from the memory of reception.
constexpr std::uint64_t kKeptMemoryShare = 16;
constexpr ByteCount kKeptBytesMax = mebibytes(16);

ByteCount kept_bytes_of(const RelayConfig& config, std::size_t shards) {
  const std::uint64_t share = config.limits.memory.value() / kKeptMemoryShare / shards;
  return std::min(kKeptBytesMax, ByteCount(share));
}

}  // namespace

ShardDispatcher::ShardDispatcher(std::shared_ptr<SharedDispatch> shared, Shard& shard)
    : shared_(std::move(shared)),
      shard_(shard),
      metrics_(shard.metrics()),
      plan_(shared_->plan()),
      kept_(kept_bytes_of(plan_->config(), shared_->shards.size())),
      stopped_(shard),
      is_held_(shared_->start == DeliveryStart::held),
      scope_(shard.run_queue()) {
  for (const PlannedSite& planned : plan_->sites()) open_site(planned);
  shared_->dispatchers[shard_.id().value()] = this;
}

ShardDispatcher::~ShardDispatcher() { shared_->dispatchers[shard_.id().value()] = nullptr; }

void ShardDispatcher::open_site(PlannedSite planned) {
  const std::size_t index = sites_.size();
  LocalSite& local = sites_.emplace_back();
  local.planned = std::move(planned);
  Site& site = *local.planned.site;
  const PoolParts pool{.shard = shard_,
                       .config = *local.planned.config,
                       .security = *local.planned.security,
                       .site = site,
                       .node_connections = shared_->node_connections,
                       .resolver = shared_->resolver,
                       .metrics = metrics_,
                       .on_node_room = [this] {
                         for (std::size_t shard = 0; shard < shared_->shards.size(); ++shard) {
                           tell(shard, [](ShardDispatcher& there) { there.wake_homes(); });
                         }
                       }};
  local.delivery = std::make_unique<SiteDelivery>(
      SiteDeliveryParts{.pool = pool,
                        .spool = shared_->spool,
                        .kept = kept_,
                        .give_back = [this, index](Returned back) { give_back(index, back); },
                        .want =
                            [this, index](std::uint32_t count) {
                              sites_[index].wanted += count;
                              post_soon(index);
                            },
                        .on_ended = [this](const auto& ended) { note_ended(ended); }});
  if (site.home() != shard_.id()) return;
  local.queue = std::make_unique<SiteQueue>(shared_->shards.size(),
                                            [this](std::uint32_t queue) { return is_held(queue); });
  local.changed = std::make_unique<Event>(shard_);
  // Nobody sends past what waits at home.
  if (is_held_) site.home_waits.store(true);
}

void ShardDispatcher::prepare(std::shared_ptr<const DispatchPlan> plan) {
  for (std::size_t site = sites_.size(); site < plan->sites().size(); ++site) {
    open_site(plan->sites()[site]);
    if (is_running_ && sites_[site].queue != nullptr) scope_.spawn(keep(site));
  }
}

// What waits elsewhere than it would now is sent on; what is in flight ends under the old plan, and
// is sent on when it comes back.
void ShardDispatcher::adopt(std::shared_ptr<const DispatchPlan> plan) {
  SLUICE_ASSERT(sites_.size() >= plan->sites().size(), "prepare() opened the sites of the plan");
  plan_ = std::move(plan);
  owner_by_queue_.clear();
  for (std::size_t site = 0; site < sites_.size(); ++site) {
    if (!plan_->is_used(site)) sites_[site].delivery->retire();
    if (sites_[site].queue != nullptr) rehome(site);
  }
  wake_homes();
}

void ShardDispatcher::rehome(std::size_t site) {
  const Instant now = shard_.clock().now();
  const auto goes_elsewhere = [this, site](const QueuedRecord& record) {
    return owner_of(record.waiting.queue).site != site;
  };
  for (auto& [record, wait] : sites_[site].queue->take_out(goes_elsewhere, now)) {
    give_back(owner_of(record.waiting.queue).site, Returned{.record = record, .wait = wait});
  }
}

QueueOwner ShardDispatcher::owner_of(std::uint32_t queue) const {
  const auto known = owner_by_queue_.find(queue);
  if (known != owner_by_queue_.end()) return known->second;
  // Also of queues whose names the spool has forgotten: what lives is asked for again.
  if (owner_by_queue_.size() >= kOwnersKept) owner_by_queue_.clear();
  return owner_by_queue_.emplace(queue, shared_->owner_of(queue, *plan_)).first->second;
}

bool ShardDispatcher::is_held(std::uint32_t queue) const {
  const Tenant* const tenant = owner_of(queue).tenant;
  return tenant != nullptr && !tenant->may_deliver();
}

void ShardDispatcher::note_ended(const spool::WaitingEnvelope& ended) {
  shared_->live.fetch_sub(1);
  if (Tenant* const tenant = owner_of(ended.queue).tenant) {
    tenant->usage.queued.give_back(1, ended.size);
  }
}

void ShardDispatcher::give_back(std::size_t site, Returned returned) {
  sites_[site].outgoing.push_back(returned);
  post_soon(site);
}

void ShardDispatcher::submit(FreshEnvelope fresh) {
  shared_->live.fetch_add(1);
  const std::size_t site = owner_of(fresh.waiting.queue).site;
  if (fresh.body == nullptr || is_held(fresh.waiting.queue)) {
    return give_back(site, Returned{.record = {.waiting = fresh.waiting}, .wait = Duration(0)});
  }
  LoadedEnvelope loaded{.waiting = fresh.waiting,
                        .message = std::move(fresh.message),
                        .recipients = std::move(fresh.recipients),
                        .pending = {},
                        .body_bytes = fresh.body->size(),
                        .body_parts = 0,
                        .body = std::move(fresh.body)};
  for (std::size_t i = 0; i < loaded.recipients.size(); ++i) {
    loaded.pending.push_back(static_cast<std::uint16_t>(i));
  }
  delivery(site).submit(std::move(loaded));
}

template <class Act>
void ShardDispatcher::tell(std::size_t shard, Act act) {
  if (shard == shard_.id().value()) return act(*this);
  Shard& target = shared_->shards.at(ShardId(static_cast<std::uint16_t>(shard)));
  shard_.outbox_to(target.mailbox())
      .send([shared = shared_, shard, act = std::move(act)]() mutable {
        if (ShardDispatcher* dispatcher = shared->dispatchers[shard]) act(*dispatcher);
      });
}

// What gathers during one turn of the loop goes to the home as one letter.
void ShardDispatcher::post_soon(std::size_t site) {
  if (std::exchange(sites_[site].is_posting, true)) return;
  scope_.spawn(post(site));
}

Task<void> ShardDispatcher::post(std::size_t site) {
  co_await yield(shard_);
  LocalSite& local = sites_[site];
  local.is_posting = false;
  const std::size_t home = local.planned.site->home().value();
  auto returned = std::exchange(local.outgoing, {});
  const std::uint32_t wanted = std::exchange(local.wanted, 0);
  const std::size_t here = shard_.id().value();
  tell(home, [site, here, wanted, returned = std::move(returned)](ShardDispatcher& there) {
    if (!returned.empty()) there.queue(site, returned);
    if (wanted > 0) there.want(site, here, wanted);
  });
}

void ShardDispatcher::queue(std::size_t site, const std::vector<Returned>& returned) {
  const Instant now = shard_.clock().now();
  for (const Returned& one : returned) {
    const std::size_t goes_to = owner_of(one.record.waiting.queue).site;
    if (goes_to == site) {
      sites_[site].queue->push(one.record, now, one.wait);
    } else {
      give_back(goes_to, one);  // a reload has changed its route
    }
  }
  sites_[site].changed->notify_all();
}

void ShardDispatcher::want(std::size_t site, std::size_t shard, std::uint32_t count) {
  sites_[site].queue->want(shard, count);
  sites_[site].changed->notify_all();
}

void ShardDispatcher::wake_homes() {
  for (LocalSite& site : sites_) {
    if (site.changed != nullptr) site.changed->notify_all();
  }
}

// The task of a home queue: grants what is ready, sleeps until something is due.
Task<void> ShardDispatcher::keep(std::size_t site) {
  while (!is_stopping_) {
    if (!is_held_) serve(site);
    const Deadline deadline = time_to_serve(site);
    auto woken = co_await sites_[site].changed->wait(deadline);
    if (!woken && woken.error().code() == ErrorCode::cancelled) co_return;
  }
}

Deadline ShardDispatcher::time_to_serve(std::size_t site) const {
  if (is_held_) return Deadline::never();  // release() wakes the task
  const Instant now = shard_.clock().now();
  Instant next = std::min(sites_[site].queue->next(now), now + kQueueCheck);
  const Instant backoff = sites_[site].planned.site->backoff_until(now);
  if (sites_[site].queue->has_ready()) next = std::min(next, backoff);
  const bool may_expire = sites_[site].queue->has_ready() || sites_[site].queue->has_parked();
  if (may_expire) next = std::min(next, now + kExpiryCheck);
  return Deadline::at(std::max(next, now + std::chrono::milliseconds(1)));
}

// Whether hosts are in backoff is the shards' matter: who has a connection open sends over it, and
// who has none asks for nothing.
void ShardDispatcher::serve(std::size_t site) {
  LocalSite& local = sites_[site];
  Site& shared_site = *local.planned.site;
  const Instant now = shard_.clock().now();
  const WallTime wall = shard_.clock().wall();
  expire(site, local.queue->advance(now, wall));
  if (local.expiry_checked_at + kExpiryCheck <= now) {  // it looks at all that waits
    local.expiry_checked_at = now;
    expire(site, local.queue->take_expired(wall));
  }
  grant(site);
  if (!local.queue->has_ready()) return stop_waiting(site);
  // The flag first, then the question: whoever frees a slot after this sees the flag.
  shared_site.home_waits.store(true);
  for (std::size_t shard = 0; shard < shared_->shards.size(); ++shard) {
    tell(shard, [site](ShardDispatcher& there) { there.delivery(site).offer_room(); });
  }
}

// To the shards that asked, each in its turn the first.
void ShardDispatcher::grant(std::size_t site) {
  LocalSite& local = sites_[site];
  const std::size_t shards = shared_->shards.size();
  const std::size_t first = std::exchange(local.next_shard, (local.next_shard + 1) % shards);
  for (std::size_t i = 0; i < shards && local.queue->has_ready(); ++i) {
    const std::size_t shard = (first + i) % shards;
    Granted granted = local.queue->grant(shard, shard_.clock().now(), shard_.clock().wall());
    expire(site, granted.expired);
    if (granted.envelopes.empty()) continue;
    tell(shard, [site, envelopes = std::move(granted.envelopes)](ShardDispatcher& there) {
      there.delivery(site).take(envelopes);
    });
  }
}

// Nothing is ready: fresh envelopes may go out at once again, and no shard has asked for anything.
void ShardDispatcher::stop_waiting(std::size_t site) {
  if (!sites_[site].planned.site->home_waits.exchange(false)) return;
  sites_[site].queue->forget_wants();
  for (std::size_t shard = 0; shard < shared_->shards.size(); ++shard) {
    tell(shard, [site](ShardDispatcher& there) { there.delivery(site).forget_wants(); });
  }
}

void ShardDispatcher::expire(std::size_t site, const std::vector<QueuedRecord>& expired) {
  for (const QueuedRecord& record : expired) delivery(site).expire(record.waiting);
}

Task<void> ShardDispatcher::run() {
  is_running_ = true;
  for (std::size_t site = 0; site < sites_.size(); ++site) {
    if (sites_[site].queue != nullptr) scope_.spawn(keep(site));
  }
  while (!is_stopping_) {
    auto woken = co_await stopped_.wait(Deadline::never());
    if (!woken) break;
  }
  is_stopping_ = true;
  for (LocalSite& site : sites_) site.delivery->stop();
  kept_.clear();
  TaskScope cutting(shard_.run_queue());
  cutting.spawn([](ShardDispatcher& self) -> Task<void> {
    while (!self.stop_deadline_.has_passed(self.shard_.clock().now())) {
      const Deadline deadline = self.stop_deadline_;
      auto woken = co_await self.stopped_.wait(deadline);
      if (!woken && woken.error().code() == ErrorCode::cancelled) co_return;
    }
    for (LocalSite& site : self.sites_) site.delivery->cut();
  }(*this));
  for (LocalSite& site : sites_) co_await site.delivery->join();
  co_await cutting.close();
  co_await scope_.close();
}

void ShardDispatcher::release() {
  is_held_ = false;
  wake_homes();
}

void ShardDispatcher::release_tenants() {
  for (LocalSite& site : sites_) {
    if (site.queue != nullptr) site.queue->release_parked(shard_.clock().now());
  }
  wake_homes();
}

void ShardDispatcher::stop(Deadline deadline) {
  is_stopping_ = true;
  stop_deadline_ = deadline;
  stopped_.notify_all();
}

}  // namespace sluice::relay
