#include "relay/shard_dispatcher.h"

#include <algorithm>
#include <utility>

#include "core/assert.h"
#include "core/shard_group.h"
#include "relay/queue_name.h"

namespace sluice::relay {
namespace {

constexpr std::size_t kOwnersKept = 65'536;

// What the envelopes kept by one shard may take from the memory of reception.
constexpr std::uint64_t kKeptMemoryShare = 16;
constexpr ByteCount kKeptBytesMax = mebibytes(16);

ByteCount kept_bytes_of(const RelayConfig& config, std::size_t shards) {
  const std::uint64_t share = config.limits.memory.value() / kKeptMemoryShare / shards;
  return std::min(kKeptBytesMax, ByteCount(share));
}

ResolverSettings resolver_settings_of(const DnsSettings& dns) {
  ResolverSettings settings{.servers = {},
                            .timeout = dns.timeout,
                            .attempts = dns.attempts,
                            .is_rotated = dns.rotate,
                            .trust_ad = dns.trust_ad};
  for (const DnsServer& server : dns.servers) settings.servers.push_back(server.endpoint);
  return settings;
}

}  // namespace

ShardDispatcher::ShardDispatcher(std::shared_ptr<SharedDispatch> shared, Shard& shard)
    : shared_(std::move(shared)),
      shard_(shard),
      metrics_(shard.metrics()),
      dns_metrics_(shard.metrics()),
      resolver_(Resolver::open(shard, resolver_settings_of(shared_->plan()->config().dns))),
      exchanges_(shared_->dns,
                 DnsAsker{.shard = shard, .resolver = *resolver_, .metrics = dns_metrics_}),
      plan_(shared_->plan()),
      kept_(kept_bytes_of(plan_->config(), shared_->shards.size())),
      dsn_({.shard = shard,
            .spool = shared_->spool,
            .limits = shared_->dsn_limits,
            .metrics = metrics_,
            .config = [this] { return plan_->shared_config(); },
            .submit = [this](FreshEnvelope fresh) { submit(std::move(fresh)); }}),
      stopped_(shard),
      is_held_(shared_->start == DeliveryStart::held),
      scope_(shard.run_queue()) {
  for (std::size_t site = 0; site < plan_->sites().size(); ++site) {
    open_site(site, plan_->sites()[site]);
  }
  shared_->dispatchers[shard_.id().value()] = this;
}

ShardDispatcher::~ShardDispatcher() { shared_->dispatchers[shard_.id().value()] = nullptr; }

void ShardDispatcher::prepare(std::shared_ptr<const DispatchPlan> plan) {
  for (std::size_t site = 0; site < plan->sites().size(); ++site) {
    if (sites_.contains(site)) continue;
    LocalSite& opened = open_site(site, plan->sites()[site]);
    if (is_running_ && !is_stopping_) start(opened);
  }
}

// What waits elsewhere than it would now is sent on; what is in flight ends under the old plan, and
// is sent on when it comes back.
void ShardDispatcher::adopt(std::shared_ptr<const DispatchPlan> plan) {
  plan_ = std::move(plan);
  owners_.clear();
  for (auto& [number, local] : sites_) {
    const std::size_t planned = local->is(SiteKind::exchange) ? local->planned.route : number;
    if (!plan_->is_used(planned)) local->delivery->retire();
    rehome(*local);
  }
  wake_homes();
}

// What would not come here now goes where it would.
void ShardDispatcher::rehome(LocalSite& local) {
  const std::size_t here = local.number;
  std::vector<SiteQueue::Taken> taken;
  if (local.home != nullptr) {
    const auto goes_elsewhere = [this, here](const QueuedRecord& record) {
      return place_of(record.waiting) != here;
    };
    taken = local.home->queue().take_out(goes_elsewhere, shard_.clock().now());
  }
  if (local.stage != nullptr) {
    const auto goes_elsewhere = [this, here](const QueuedRecord& record) {
      return owner_of(record.waiting).site != here;
    };
    taken = local.stage->take_out(goes_elsewhere);
  }
  for (auto& [record, wait] : taken) {
    give_back(owner_of(record.waiting).site, Returned{.record = record, .wait = wait});
  }
}

ShardDispatcher::KnownOwner& ShardDispatcher::known_owner_of(std::uint32_t queue,
                                                             std::uint8_t klass) const {
  const std::uint64_t key = std::uint64_t{queue} << 8 | klass;
  const auto known = owners_.find(key);
  if (known != owners_.end()) return known->second;
  // Also of queues whose names the spool has forgotten: what lives is asked for again.
  if (owners_.size() >= kOwnersKept) owners_.clear();
  const KnownOwner fresh{.owner = shared_->owner_of(queue, klass, *plan_)};
  return owners_.emplace(key, fresh).first->second;
}

std::size_t ShardDispatcher::place_of(const spool::WaitingEnvelope& waiting) const {
  KnownOwner& known = known_owner_of(waiting.queue, waiting.klass);
  const std::size_t site = known.owner.site;
  if (plan_->sites()[site].kind != SiteKind::mx_route) return site;
  const Instant now = shard_.clock().now();
  if (known.exchange_until <= now) {
    const auto place = shared_->directory.place_of(site, domain_of(waiting.queue), now);
    if (!place) return site;
    known.exchange = place->site;
    known.exchange_until = place->until;
  }
  return known.exchange;
}

std::string ShardDispatcher::domain_of(std::uint32_t queue) const {
  const std::string name = shared_->spool.queue_name(queue);
  return std::string(parse_queue_name(name).domain);
}

bool ShardDispatcher::is_held(std::uint32_t queue) const {
  const Tenant* const tenant = tenant_of(queue);
  return tenant != nullptr && !tenant->may_deliver();
}

void ShardDispatcher::note_ended(const spool::WaitingEnvelope& ended) {
  shared_->live.fetch_sub(1);
  if (Tenant* const tenant = tenant_of(ended.queue)) {
    tenant->usage.queued.give_back(1, ended.size);
  }
}

void ShardDispatcher::submit(FreshEnvelope fresh) {
  shared_->live.fetch_add(1);
  const std::size_t site = place_of(fresh.waiting);
  LocalSite* const its = local(site);
  if (its == nullptr || fresh.body == nullptr || is_held(fresh.waiting.queue)) {
    return give_back(site, Returned{.record = {.waiting = fresh.waiting}, .wait = Duration(0)});
  }
  LoadedEnvelope loaded{.waiting = fresh.waiting,
                        .message = std::move(fresh.message),
                        .recipients = std::move(fresh.recipients),
                        .dsn = std::move(fresh.dsn),
                        .pending = {},
                        .body_bytes = fresh.body->size(),
                        .body_parts = 0,
                        .body = std::move(fresh.body)};
  for (std::size_t i = 0; i < loaded.recipients.size(); ++i) {
    loaded.pending.push_back(static_cast<std::uint16_t>(i));
  }
  its->delivery->submit(std::move(loaded));
}

// Towards the site's home. A site that has been forgotten has its mail looked up anew.
void ShardDispatcher::give_back(std::size_t site, Returned returned) {
  LocalSite* its = local(site);
  if (its == nullptr) its = local(owner_of(returned.record.waiting).site);
  SLUICE_ASSERT(its != nullptr, "the sites of the plan stay");
  its->outgoing.push_back(returned);
  post_soon(*its);
}

// What has to wait goes to where its domain is looked up when its time has come.
void ShardDispatcher::give_back_from(const LocalSite& local, Returned returned) {
  const bool is_retried = local.is(SiteKind::exchange) && returned.wait > Duration(0);
  give_back(is_retried ? local.planned.route : local.number, returned);
}

// What gathers during one turn of the loop goes to the home as one letter.
void ShardDispatcher::post_soon(LocalSite& local) {
  if (std::exchange(local.is_posting, true)) return;
  local.tasks.spawn(post(local));
}

Task<void> ShardDispatcher::post(LocalSite& local) {
  co_await yield(shard_);
  local.is_posting = false;
  auto returned = std::exchange(local.outgoing, {});
  const std::uint32_t wanted = std::exchange(local.wanted, 0);
  if (local.is(SiteKind::mx_route)) {
    post_to_stages(local, returned);
    co_return;
  }
  const std::size_t home = local.planned.site->home().value();
  const std::size_t here = shard_.id().value();
  tell(home,
       [site = local.number, here, wanted, returned = std::move(returned)](ShardDispatcher& there) {
         if (!returned.empty()) there.queue(site, returned);
         if (wanted > 0) there.want(site, here, wanted);
       });
}

// Each domain has a home of its own.
void ShardDispatcher::post_to_stages(const LocalSite& local,
                                     const std::vector<Returned>& returned) {
  std::map<std::size_t, std::vector<Returned>> by_home;
  for (const Returned& one : returned) {
    by_home[owner_of(one.record.waiting).domain_home.value()].push_back(one);
  }
  for (auto& [home, theirs] : by_home) {
    tell(home, [site = local.number, some = std::move(theirs)](ShardDispatcher& there) {
      there.queue(site, some);
    });
  }
}

void ShardDispatcher::queue(std::size_t site, const std::vector<Returned>& returned) {
  LocalSite* const its = local(site);
  if (is_stopping_) return;  // it waits in the spool, for the next start
  for (const Returned& one : returned) {
    const spool::WaitingEnvelope& waiting = one.record.waiting;
    if (its != nullptr && its->stage != nullptr && owner_of(waiting).site == site) {
      its->stage->push(one.record, one.wait);
    } else if (its != nullptr && its->home != nullptr && place_of(waiting) == site) {
      its->home->push(one.record, one.wait);
    } else {
      give_back(owner_of(waiting).site, one);  // a reload or DNS has changed where it goes
    }
  }
  if (its != nullptr && its->home != nullptr) its->home->wake();
}

void ShardDispatcher::want(std::size_t site, std::size_t shard, std::uint32_t count) {
  LocalSite* const its = local(site);
  if (its != nullptr && its->home != nullptr) its->home->want(shard, count);
}

void ShardDispatcher::wake_homes() {
  for (auto& [number, local] : sites_) {
    if (local->home != nullptr) local->home->wake();
  }
}

Task<void> ShardDispatcher::run() {
  is_running_ = true;
  for (auto& [number, local] : sites_) start(*local);
  scope_.spawn(close_idle_sites());
  while (!is_stopping_) {
    auto woken = co_await stopped_.wait(Deadline::never());
    if (!woken) break;
  }
  is_stopping_ = true;
  co_await close_all();
}

void ShardDispatcher::release() {
  is_held_ = false;
  for (auto& [number, local] : sites_) {
    if (local->home != nullptr) local->home->set_held(false);
    if (local->stage != nullptr) local->stage->set_held(false);
  }
}

void ShardDispatcher::release_tenants() {
  for (auto& [number, local] : sites_) {
    if (local->home != nullptr) local->home->release_parked();
  }
}

void ShardDispatcher::stop(Deadline deadline) {
  is_stopping_ = true;
  stop_deadline_ = deadline;
  stopped_.notify_all();
}

}  // namespace sluice::relay
