#include "relay/dispatcher.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "core/event.h"
#include "core/shard_group.h"
#include "relay/queue_rows.h"
#include "relay/route_resolver.h"
#include "relay/site_delivery.h"
#include "shaping/retry_schedule.h"

namespace sluice::relay {
namespace {

constexpr Duration kQueueCheck = std::chrono::seconds(60);  // so that no jump of a clock stalls it
constexpr Duration kExpiryCheck = std::chrono::seconds(30);

class ShardDispatcher;

class SharedDispatch final : public DispatcherGroup,
                             public std::enable_shared_from_this<SharedDispatch> {
 public:
  SharedDispatch(std::shared_ptr<const RelayConfig> relay_config, spool::Spool& envelopes,
                 ShardGroup& group, DeliveryStart start);

  std::unique_ptr<Dispatcher> open(Shard& shard) override;
  void recover(std::vector<spool::WaitingEnvelope> envelopes) override;

  std::size_t site_of(std::uint32_t queue) const;
  Duration wait_of(const spool::WaitingEnvelope& waiting, WallTime now) const;
  std::size_t unrouted_site() const { return config->routes.size(); }

  std::shared_ptr<const RelayConfig> config;
  spool::Spool& spool;
  ShardGroup& shards;
  DeliveryStart start;
  RouteResolver routes;
  std::vector<std::unique_ptr<Site>> sites;  // by route; last: where nothing without one leaves
  LimitCell node_connections;
  HostResolver resolver;
  std::atomic<std::int64_t> live{0};  // envelopes that have not ended
  // Each is touched on its own shard only; null before open() and after the end.
  std::vector<ShardDispatcher*> dispatchers;
};

std::string route_name(const RouteSettings& route) {
  std::string name;
  for (const std::string& domain : route.domains) name += (name.empty() ? "" : ",") + domain;
  return name;
}

// What the envelopes kept by one shard may take from the memory of reception.
constexpr std::uint64_t kKeptMemoryShare = 16;
constexpr ByteCount kKeptBytesMax = mebibytes(16);

ByteCount kept_bytes_of(const RelayConfig& config, std::size_t shards) {
  const std::uint64_t share = config.limits.memory.value() / kKeptMemoryShare / shards;
  return std::min(kKeptBytesMax, ByteCount(share));
}

// What one shard keeps of one site.
struct LocalSite {
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
  void stop(Deadline deadline) override;
  std::vector<QueueSummary> summarise() const override;
  std::vector<QueuedEnvelope> list(std::size_t most) const override;
  std::vector<QueuedEnvelope> find(spool::MessageId message) const override;
  Unrouted unrouted() const override;
  std::uint64_t pending() const override;

  // At home: what comes from the shards.
  void queue(std::size_t site, const std::vector<Returned>& returned);
  void want(std::size_t site, std::size_t shard, std::uint32_t count);

  void wake_homes();

  SiteDelivery& delivery(std::size_t site) { return *sites_[site].delivery; }

 private:
  void open_site(std::size_t index);
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
  std::vector<LocalSite> sites_;
  std::unordered_map<std::uint32_t, std::size_t> site_by_queue_;
  KeptEnvelopes kept_;
  Event stopped_;
  Deadline stop_deadline_ = Deadline::never();
  bool is_held_;
  bool is_stopping_ = false;
  TaskScope scope_;
};

SharedDispatch::SharedDispatch(std::shared_ptr<const RelayConfig> relay_config,
                               spool::Spool& envelopes, ShardGroup& group,
                               DeliveryStart delivery_start)
    : config(std::move(relay_config)),
      spool(envelopes),
      shards(group),
      start(delivery_start),
      routes(config->routes),
      node_connections(config->limits.outgoing_connections),
      resolver(group),
      dispatchers(group.size(), nullptr) {
  for (const RouteSettings& route : config->routes) {
    const std::string name = route_name(route);
    const auto home = static_cast<std::uint16_t>(std::hash<std::string>()(name) % group.size());
    sites.push_back(std::make_unique<Site>(name, route.smart_hosts,
                                           route.connections.value_or(config->delivery.connections),
                                           ShardId(home)));
    // Nobody sends past what waits at home.
    sites.back()->home_waits.store(start == DeliveryStart::held);
  }
  sites.push_back(std::make_unique<Site>("", std::vector<SmartHost>(), 0, ShardId(0)));
}

std::unique_ptr<Dispatcher> SharedDispatch::open(Shard& shard) {
  return std::make_unique<ShardDispatcher>(shared_from_this(), shard);
}

// The queue's name ends with the domain.
std::size_t SharedDispatch::site_of(std::uint32_t queue) const {
  const std::string name = spool.queue_name(queue);
  const auto route = routes.route_of(std::string_view(name).substr(name.rfind('@') + 1));
  return route.value_or(unrouted_site());
}

// What was stored is wall time, which may have jumped since: no wait is longer than its schedule
// could have given.
Duration SharedDispatch::wait_of(const spool::WaitingEnvelope& waiting, WallTime now) const {
  const auto& retries = config->retries;
  const RetrySettings& retry = retries[waiting.klass < retries.size() ? waiting.klass : 0];
  const Duration longest =
      shaping::longest_retry_wait({.first = retry.first, .factor = retry.factor, .max = retry.max});
  return std::clamp(waiting.next_attempt - now, Duration(0), longest);
}

void SharedDispatch::recover(std::vector<spool::WaitingEnvelope> envelopes) {
  std::vector<std::vector<Returned>> by_site(sites.size());
  const WallTime now = Clock().wall();
  for (spool::WaitingEnvelope& waiting : envelopes) {
    live.fetch_add(1);
    const Duration wait = wait_of(waiting, now);
    waiting.next_attempt = std::min(waiting.next_attempt, now + wait);
    by_site[site_of(waiting.queue)].push_back(
        Returned{.record = {.waiting = waiting}, .wait = wait});
  }
  for (std::size_t site = 0; site < sites.size(); ++site) {
    if (by_site[site].empty()) continue;
    const ShardId home = sites[site]->home();
    shards.post(home, [self = shared_from_this(), home, site, returned = std::move(by_site[site])] {
      if (ShardDispatcher* dispatcher = self->dispatchers[home.value()]) {
        dispatcher->queue(site, returned);
      }
    });
  }
}

ShardDispatcher::ShardDispatcher(std::shared_ptr<SharedDispatch> shared, Shard& shard)
    : shared_(std::move(shared)),
      shard_(shard),
      metrics_(shard.metrics()),
      sites_(shared_->sites.size()),
      kept_(kept_bytes_of(*shared_->config, shared_->shards.size())),
      stopped_(shard),
      is_held_(shared_->start == DeliveryStart::held),
      scope_(shard.run_queue()) {
  for (std::size_t site = 0; site < sites_.size(); ++site) open_site(site);
  shared_->dispatchers[shard_.id().value()] = this;
}

ShardDispatcher::~ShardDispatcher() { shared_->dispatchers[shard_.id().value()] = nullptr; }

void ShardDispatcher::open_site(std::size_t index) {
  Site& site = *shared_->sites[index];
  LocalSite& local = sites_[index];
  const PoolParts pool{.shard = shard_,
                       .config = *shared_->config,
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
                        .on_ended = [this] { shared_->live.fetch_sub(1); }});
  if (site.home() == shard_.id()) {
    local.queue = std::make_unique<SiteQueue>(shared_->shards.size());
    local.changed = std::make_unique<Event>(shard_);
  }
}

void ShardDispatcher::give_back(std::size_t site, Returned returned) {
  sites_[site].outgoing.push_back(returned);
  post_soon(site);
}

void ShardDispatcher::submit(FreshEnvelope fresh) {
  shared_->live.fetch_add(1);
  const std::uint32_t queue = fresh.waiting.queue;
  auto known = site_by_queue_.find(queue);
  if (known == site_by_queue_.end()) {
    known = site_by_queue_.emplace(queue, shared_->site_of(queue)).first;
  }
  const std::size_t site = known->second;
  if (fresh.body == nullptr) {
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
  const std::size_t home = shared_->sites[site]->home().value();
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
  for (const Returned& one : returned) sites_[site].queue->push(one.record, now, one.wait);
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
  const Instant backoff = shared_->sites[site]->backoff_until(now);
  if (sites_[site].queue->has_ready()) next = std::min({next, backoff, now + kExpiryCheck});
  return Deadline::at(std::max(next, now + std::chrono::milliseconds(1)));
}

// Whether hosts are in backoff is the shards' matter: who has a connection open sends over it, and
// who has none asks for nothing.
void ShardDispatcher::serve(std::size_t site) {
  LocalSite& local = sites_[site];
  Site& shared_site = *shared_->sites[site];
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
  if (!shared_->sites[site]->home_waits.exchange(false)) return;
  sites_[site].queue->forget_wants();
  for (std::size_t shard = 0; shard < shared_->shards.size(); ++shard) {
    tell(shard, [site](ShardDispatcher& there) { there.delivery(site).forget_wants(); });
  }
}

void ShardDispatcher::expire(std::size_t site, const std::vector<QueuedRecord>& expired) {
  for (const QueuedRecord& record : expired) delivery(site).expire(record.waiting);
}

Task<void> ShardDispatcher::run() {
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

void ShardDispatcher::stop(Deadline deadline) {
  is_stopping_ = true;
  stop_deadline_ = deadline;
  stopped_.notify_all();
}

// Every envelope that this shard knows, as a row without the name of its queue.
template <class Visit>
void ShardDispatcher::visit_all(Visit&& visit) const {
  for (std::size_t site = 0; site < sites_.size(); ++site) {
    if (!visit_site(site, visit)) return;
  }
}

template <class Visit>
bool ShardDispatcher::visit_site(std::size_t index, Visit& visit) const {
  Site& site = *shared_->sites[index];
  bool goes_on = true;
  const auto pass = [&](QueuedEnvelope& row, const spool::WaitingEnvelope& waiting) {
    row.waiting = waiting;
    goes_on = goes_on && visit(std::as_const(row));
    return goes_on;
  };
  QueuedEnvelope flying = row_of(site, EnvelopeState::in_flight);
  sites_[index].delivery->for_each_in_flight(
      [&](const spool::WaitingEnvelope& waiting, const std::string& host) {
        flying.waits_for = host.empty() ? "connection" : "reply";
        flying.detail = host;
        return pass(flying, waiting);
      });
  if (sites_[index].queue == nullptr || !goes_on) return goes_on;
  QueuedEnvelope ready = row_of(site, EnvelopeState::ready);
  const ReadyWait wait = ready_wait_of(site, shared_->node_connections, shard_.clock());
  ready.waits_for = is_held_ && site.has_hosts() ? "delivery held" : wait.name;
  ready.detail = site.trouble();
  sites_[index].queue->for_each_ready([&](const QueuedRecord& record) {
    spool::WaitingEnvelope waiting = record.waiting;
    waiting.next_attempt = std::max(waiting.next_attempt, wait.ends);
    return pass(ready, waiting);
  });
  QueuedEnvelope scheduled = row_of(site, EnvelopeState::scheduled);
  scheduled.waits_for = site.has_hosts() ? "retry" : kNoRoute;
  sites_[index].queue->for_each_scheduled(
      [&](const QueuedRecord& record) { return pass(scheduled, record.waiting); });
  return goes_on;
}

std::vector<QueueSummary> ShardDispatcher::summarise() const {
  std::unordered_map<std::uint32_t, QueueSummary> rows;
  visit_all([&rows](const QueuedEnvelope& envelope) {
    QueueSummary& summary = rows[envelope.waiting.queue];
    summary.route = envelope.route;
    count_in(envelope, summary);
    return true;
  });
  std::vector<QueueSummary> result;
  for (auto& [number, summary] : rows) {
    summary.queue = shared_->spool.queue_name(number);
    result.push_back(std::move(summary));
  }
  return result;
}

std::vector<QueuedEnvelope> ShardDispatcher::list(std::size_t most) const {
  std::vector<QueuedEnvelope> rows;
  visit_all([&](const QueuedEnvelope& envelope) {
    if (rows.size() >= most) return false;
    rows.push_back(envelope);
    return true;
  });
  for (QueuedEnvelope& row : rows) row.queue = shared_->spool.queue_name(row.waiting.queue);
  return rows;
}

std::vector<QueuedEnvelope> ShardDispatcher::find(spool::MessageId message) const {
  std::vector<QueuedEnvelope> rows;
  visit_all([&](const QueuedEnvelope& envelope) {
    if (envelope.waiting.key.message == message) rows.push_back(envelope);
    return true;
  });
  for (QueuedEnvelope& row : rows) row.queue = shared_->spool.queue_name(row.waiting.queue);
  return rows;
}

Unrouted ShardDispatcher::unrouted() const {
  Unrouted unrouted;
  const auto& queue = sites_[shared_->unrouted_site()].queue;
  if (queue == nullptr) return unrouted;
  const auto count = [&unrouted](const QueuedRecord& record) {
    ++unrouted.envelopes;
    unrouted.recipients += record.waiting.recipients_pending;
    return true;
  };
  queue->for_each_ready(count);
  queue->for_each_scheduled(count);
  return unrouted;
}

// The node's number is kept by the first shard, so that a sum over the shards is exact.
std::uint64_t ShardDispatcher::pending() const {
  return shard_.id() == ShardId(0) ? static_cast<std::uint64_t>(shared_->live.load()) : 0;
}

}  // namespace

std::shared_ptr<DispatcherGroup> DispatcherGroup::make(std::shared_ptr<const RelayConfig> config,
                                                       spool::Spool& spool, ShardGroup& shards,
                                                       DeliveryStart start) {
  return std::make_shared<SharedDispatch>(std::move(config), spool, shards, start);
}

}  // namespace sluice::relay
