#include "relay/dispatcher.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "core/event.h"
#include "core/shard_group.h"
#include "relay/route_resolver.h"
#include "relay/site_delivery.h"

namespace sluice::relay {
namespace {

constexpr Duration kQueueCheck = std::chrono::seconds(60);  // so that no jump of a clock stalls it
constexpr Duration kExpiryCheck = std::chrono::seconds(30);

class ShardDispatcher;

class SharedDispatch final : public DispatcherGroup,
                             public std::enable_shared_from_this<SharedDispatch> {
 public:
  SharedDispatch(std::shared_ptr<const RelayConfig> relay_config, spool::Spool& envelopes,
                 ShardGroup& group);

  std::unique_ptr<Dispatcher> open(Shard& shard) override;
  void recover(std::vector<spool::WaitingEnvelope> envelopes) override;

  std::optional<std::size_t> site_of(std::uint32_t queue) const;

  std::shared_ptr<const RelayConfig> config;
  spool::Spool& spool;
  ShardGroup& shards;
  RouteResolver routes;
  std::vector<std::unique_ptr<Site>> sites;  // by route
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

// What one shard keeps of one site.
struct LocalSite {
  std::unique_ptr<SiteDelivery> delivery;
  std::unique_ptr<SiteQueue> queue;  // on the home shard only
  std::vector<Returned> outgoing;    // to the home, one letter a turn
  std::uint32_t wanted = 0;          // likewise
  bool is_posting = false;
};

class ShardDispatcher final : public Dispatcher {
 public:
  ShardDispatcher(std::shared_ptr<SharedDispatch> shared, Shard& shard);
  ~ShardDispatcher() override;

  void submit(FreshEnvelope envelope) override;
  Task<void> run() override;
  void stop(Deadline deadline) override;
  std::vector<QueueSummary> summarise() const override;
  std::vector<QueuedEnvelope> list(std::size_t most) const override;
  std::uint64_t pending() const override;

  // At home: what comes from the shards.
  void queue(std::size_t site, std::vector<Returned> returned);
  void want(std::size_t site, std::size_t shard, std::uint32_t count);

  SiteDelivery& delivery(std::size_t site) { return *sites_[site].delivery; }

 private:
  void open_site(std::size_t index);
  void post_soon(std::size_t site);
  Task<void> post(std::size_t site);
  Task<void> keep(std::size_t site);
  void serve(std::size_t site);
  void expire(std::size_t site, std::vector<spool::WaitingEnvelope> expired);
  template <class Act>
  void tell(std::size_t shard, Act act);
  std::string wait_name(std::size_t site) const;

  std::shared_ptr<SharedDispatch> shared_;
  Shard& shard_;
  DeliveryMetrics metrics_;
  std::vector<LocalSite> sites_;
  std::unordered_map<std::uint32_t, std::optional<std::size_t>> site_by_queue_;
  Event changed_;  // a home queue changed
  Event stopped_;
  Deadline stop_deadline_ = Deadline::never();
  bool is_stopping_ = false;
  TaskScope scope_;
};

SharedDispatch::SharedDispatch(std::shared_ptr<const RelayConfig> relay_config,
                               spool::Spool& envelopes, ShardGroup& group)
    : config(std::move(relay_config)),
      spool(envelopes),
      shards(group),
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
  }
}

std::unique_ptr<Dispatcher> SharedDispatch::open(Shard& shard) {
  return std::make_unique<ShardDispatcher>(shared_from_this(), shard);
}

// The queue's name ends with the domain. Without a route it waits at the first one's home, which
// happens when a route has left the configuration.
std::optional<std::size_t> SharedDispatch::site_of(std::uint32_t queue) const {
  const std::string name = spool.queue_name(queue);
  return routes.route_of(std::string_view(name).substr(name.rfind('@') + 1));
}

void SharedDispatch::recover(std::vector<spool::WaitingEnvelope> envelopes) {
  std::vector<std::vector<Returned>> by_site(sites.size());
  const WallTime now = Clock().wall();
  for (const spool::WaitingEnvelope& waiting : envelopes) {
    live.fetch_add(1);
    const auto site = site_of(waiting.queue);
    if (!site) continue;
    const Duration wait = std::max(Duration(0), waiting.next_attempt - now);
    by_site[*site].push_back(
        Returned{.record = {.waiting = waiting, .origin = kNobody}, .wait = wait});
  }
  for (std::size_t site = 0; site < sites.size(); ++site) {
    if (by_site[site].empty()) continue;
    const ShardId home = sites[site]->home();
    shards.post(home, [self = shared_from_this(), home, site,
                       returned = std::move(by_site[site])]() mutable {
      if (ShardDispatcher* dispatcher = self->dispatchers[home.value()]) {
        dispatcher->queue(site, std::move(returned));
      }
    });
  }
}

ShardDispatcher::ShardDispatcher(std::shared_ptr<SharedDispatch> shared, Shard& shard)
    : shared_(std::move(shared)),
      shard_(shard),
      metrics_(shard.metrics()),
      sites_(shared_->sites.size()),
      changed_(shard),
      stopped_(shard),
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
                       .metrics = metrics_};
  local.delivery = std::make_unique<SiteDelivery>(
      SiteDeliveryParts{.pool = pool,
                        .spool = shared_->spool,
                        .give_back =
                            [this, index](Returned returned) {
                              sites_[index].outgoing.push_back(std::move(returned));
                              post_soon(index);
                            },
                        .want =
                            [this, index](std::uint32_t count) {
                              sites_[index].wanted += count;
                              post_soon(index);
                            },
                        .on_ended = [this] { shared_->live.fetch_sub(1); }});
  if (site.home() == shard_.id()) {
    local.queue = std::make_unique<SiteQueue>(shared_->shards.size());
  }
}

void ShardDispatcher::submit(FreshEnvelope fresh) {
  shared_->live.fetch_add(1);
  const std::uint32_t queue = fresh.waiting.queue;
  auto known = site_by_queue_.find(queue);
  if (known == site_by_queue_.end()) {
    known = site_by_queue_.emplace(queue, shared_->site_of(queue)).first;
  }
  if (!known->second) return;  // it waits in the spool for a start with a route
  auto message = decode_message_metadata(fresh.message_metadata);
  auto envelope = decode_envelope_metadata(fresh.envelope_metadata);
  SLUICE_ASSERT(message.has_value(), "reception encoded it a moment ago");
  SLUICE_ASSERT(envelope.has_value(), "reception encoded it a moment ago");
  if (fresh.body == nullptr) {
    const QueuedRecord record{.waiting = fresh.waiting, .origin = kNobody};
    sites_[*known->second].outgoing.push_back(Returned{.record = record, .wait = Duration(0)});
    return post_soon(*known->second);
  }
  LoadedEnvelope loaded{.waiting = fresh.waiting,
                        .message = std::move(*message),
                        .recipients = std::move(envelope->recipients),
                        .pending = {},
                        .body_bytes = fresh.body->size(),
                        .body_parts = 0,
                        .body = std::move(fresh.body)};
  for (std::size_t i = 0; i < loaded.recipients.size(); ++i) {
    loaded.pending.push_back(static_cast<std::uint16_t>(i));
  }
  delivery(*known->second).submit(std::move(loaded));
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
  tell(home, [site, here, wanted, returned = std::move(returned)](ShardDispatcher& there) mutable {
    if (!returned.empty()) there.queue(site, std::move(returned));
    if (wanted > 0) there.want(site, here, wanted);
  });
}

void ShardDispatcher::queue(std::size_t site, std::vector<Returned> returned) {
  const Instant now = shard_.clock().now();
  for (Returned& one : returned) sites_[site].queue->push(one.record, now, one.wait);
  changed_.notify_all();
}

void ShardDispatcher::want(std::size_t site, std::size_t shard, std::uint32_t count) {
  sites_[site].queue->want(shard, count);
  changed_.notify_all();
}

// The task of a home queue: grants what is ready, sleeps until something is due.
Task<void> ShardDispatcher::keep(std::size_t site) {
  while (!is_stopping_) {
    serve(site);
    const Instant now = shard_.clock().now();
    Instant next = std::min(sites_[site].queue->next(now), now + kQueueCheck);
    const Instant backoff = shared_->sites[site]->backoff_until(now);
    if (sites_[site].queue->has_ready()) next = std::min({next, backoff, now + kExpiryCheck});
    const Deadline deadline = Deadline::at(std::max(next, now + std::chrono::milliseconds(1)));
    auto woken = co_await changed_.wait(deadline);
    if (!woken && woken.error().code() == ErrorCode::cancelled) co_return;
  }
}

void ShardDispatcher::serve(std::size_t site) {
  SiteQueue& queue = *sites_[site].queue;
  Site& shared_site = *shared_->sites[site];
  const Instant now = shard_.clock().now();
  const WallTime wall = shard_.clock().wall();
  expire(site, queue.advance(now, wall));
  expire(site, queue.take_expired(wall));
  if (!queue.has_ready()) {
    if (shared_site.home_waits.exchange(false)) {
      queue.forget_wants();
      for (std::size_t shard = 0; shard < shared_->shards.size(); ++shard) {
        tell(shard, [site](ShardDispatcher& there) { there.delivery(site).forget_wants(); });
      }
    }
    return;
  }
  if (shared_site.backoff_until(now) != Instant::far_future()) return;
  for (std::size_t shard = 0; shard < shared_->shards.size(); ++shard) {
    auto granted = queue.grant(shard, now);
    if (granted.empty()) continue;
    tell(shard, [site, granted = std::move(granted)](ShardDispatcher& there) mutable {
      there.delivery(site).take(std::move(granted));
    });
  }
  // The flag first, then the question: whoever frees a slot after this sees the flag.
  shared_site.home_waits.store(queue.has_ready());
  if (!queue.has_ready()) return;
  for (std::size_t shard = 0; shard < shared_->shards.size(); ++shard) {
    tell(shard, [site](ShardDispatcher& there) { there.delivery(site).offer_room(); });
  }
}

void ShardDispatcher::expire(std::size_t site, std::vector<spool::WaitingEnvelope> expired) {
  for (const spool::WaitingEnvelope& waiting : expired) delivery(site).expire(waiting);
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

void ShardDispatcher::stop(Deadline deadline) {
  is_stopping_ = true;
  stop_deadline_ = deadline;
  stopped_.notify_all();
}

std::string ShardDispatcher::wait_name(std::size_t site) const {
  const Instant now = shard_.clock().now();
  const bool is_backing_off = shared_->sites[site]->backoff_until(now) != Instant::far_future();
  return is_backing_off ? "route backoff" : "connection slot";
}

std::vector<QueueSummary> ShardDispatcher::summarise() const {
  std::unordered_map<std::uint32_t, QueueSummary> rows;
  for (std::size_t site = 0; site < sites_.size(); ++site) {
    if (sites_[site].queue == nullptr) continue;
    const auto row = [&](const spool::WaitingEnvelope& waiting) -> QueueSummary& {
      QueueSummary& summary = rows[waiting.queue];
      summary.route = shared_->sites[site]->name();
      return summary;
    };
    sites_[site].queue->for_each_scheduled([&](const spool::WaitingEnvelope& waiting) {
      QueueSummary& summary = row(waiting);
      ++summary.scheduled;
      const bool is_first =
          summary.next_attempt == WallTime(0) || waiting.next_attempt < summary.next_attempt;
      if (is_first) summary.next_attempt = waiting.next_attempt;
      if (summary.waits_for.empty()) summary.waits_for = "retry";
      return true;
    });
    sites_[site].queue->for_each_ready([&](const spool::WaitingEnvelope& waiting) {
      QueueSummary& summary = row(waiting);
      ++summary.ready;
      summary.waits_for = wait_name(site);
      return true;
    });
  }
  std::vector<QueueSummary> result;
  for (auto& [number, summary] : rows) {
    summary.queue = shared_->spool.queue_name(number);
    result.push_back(std::move(summary));
  }
  return result;
}

std::vector<QueuedEnvelope> ShardDispatcher::list(std::size_t most) const {
  std::vector<QueuedEnvelope> rows;
  for (std::size_t site = 0; site < sites_.size(); ++site) {
    if (sites_[site].queue == nullptr) continue;
    const auto add = [&](const spool::WaitingEnvelope& waiting, std::string wait) {
      if (rows.size() >= most) return false;
      rows.push_back(QueuedEnvelope{.waiting = waiting,
                                    .queue = shared_->spool.queue_name(waiting.queue),
                                    .waits_for = std::move(wait)});
      return true;
    };
    const std::string ready = wait_name(site);
    sites_[site].queue->for_each_ready(
        [&](const spool::WaitingEnvelope& waiting) { return add(waiting, ready); });
    sites_[site].queue->for_each_scheduled(
        [&](const spool::WaitingEnvelope& waiting) { return add(waiting, "retry"); });
  }
  return rows;
}

// The node's number is kept by the first shard, so that a sum over the shards is exact.
std::uint64_t ShardDispatcher::pending() const {
  return shard_.id() == ShardId(0) ? static_cast<std::uint64_t>(shared_->live.load()) : 0;
}

}  // namespace

std::shared_ptr<DispatcherGroup> DispatcherGroup::make(std::shared_ptr<const RelayConfig> config,
                                                       spool::Spool& spool, ShardGroup& shards) {
  return std::make_shared<SharedDispatch>(std::move(config), spool, shards);
}

}  // namespace sluice::relay
