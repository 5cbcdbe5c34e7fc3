// What a shard keeps of each site: made when it is first needed, and closed when DNS brought it
// about and nothing has used it for a while.
#include <utility>

#include "core/assert.h"
#include "core/shard_group.h"
#include "relay/shard_dispatcher.h"

namespace sluice::relay {
namespace {

// A site that DNS brought about is closed on a shard that has not used it for so long.
constexpr Duration kSiteIdle = std::chrono::seconds(60);
constexpr Duration kIdleCheck = std::chrono::seconds(15);

}  // namespace

LocalSite* ShardDispatcher::find_local(std::size_t site) const {
  const auto known = sites_.find(site);
  return known == sites_.end() ? nullptr : known->second.get();
}

LocalSite* ShardDispatcher::local(std::size_t site) {
  if (LocalSite* const known = find_local(site)) return known;
  if (is_stopping_) return nullptr;
  auto planned = shared_->directory.find(site);
  if (!planned) return nullptr;
  LocalSite& opened = open_site(site, *std::move(planned));
  if (is_running_) start(opened);
  return &opened;
}

LocalSite& ShardDispatcher::open_site(std::size_t number, PlannedSite planned) {
  auto owned = std::make_unique<LocalSite>(number, std::move(planned), shard_.run_queue());
  LocalSite& local = *owned;
  local.delivery = std::make_unique<SiteDelivery>(
      SiteDeliveryParts{.pool = pool_parts(local.planned),
                        .spool = shared_->spool,
                        .kept = kept_,
                        .dsn = dsn_,
                        .give_back = [this, &local](Returned back) { give_back_from(local, back); },
                        .want =
                            [this, &local](std::uint32_t count) {
                              local.wanted += count;
                              post_soon(local);
                            },
                        .on_ended = [this](const auto& ended) { note_ended(ended); }});
  const bool is_mx_route = local.is(SiteKind::mx_route);
  if (is_mx_route) local.stage = make_stage(local);
  if (!is_mx_route && local.planned.site->home() == shard_.id()) local.home = make_home(local);
  if (is_held_ && local.home != nullptr) local.home->set_held(true);
  if (is_held_ && local.stage != nullptr) local.stage->set_held(true);
  local.used = shard_.clock().now();
  sites_.emplace(number, std::move(owned));
  return local;
}

PoolParts ShardDispatcher::pool_parts(const PlannedSite& planned) {
  const RelayConfig& config = *planned.config;
  HostAddresses addresses_of = [this](SmartHost host) {
    return shared_->resolver.resolve(shard_, std::move(host));
  };
  if (planned.kind == SiteKind::exchange) {
    addresses_of = [this, &config](SmartHost host) {
      return exchanges_.addresses(std::move(host.host), config.delivery);
    };
  }
  return {.shard = shard_,
          .config = config,
          .security = *planned.security,
          .site = *planned.site,
          .node_connections = shared_->node_connections,
          .addresses_of = std::move(addresses_of),
          .metrics = metrics_,
          .on_node_room = [this] {
            for (std::size_t shard = 0; shard < shared_->shards.size(); ++shard) {
              tell(shard, [](ShardDispatcher& there) { there.wake_homes(); });
            }
          }};
}

// The delivery of another shard may be gone by the time a letter is there; then it asks anew when
// it comes back.
std::unique_ptr<SiteHome> ShardDispatcher::make_home(LocalSite& local) {
  const std::size_t site = local.number;
  return std::make_unique<SiteHome>(SiteHome::Parts{
      .shard = shard_,
      .site = *local.planned.site,
      .shards = shared_->shards.size(),
      .is_held = [this](std::uint32_t queue) { return is_held(queue); },
      .grant =
          [this, site](std::size_t shard, std::vector<QueuedRecord> granted) {
            tell(shard, [site, granted = std::move(granted)](ShardDispatcher& there) {
              if (LocalSite* const its = there.local(site)) its->delivery->take(granted);
            });
          },
      .offer_room =
          [this, site](std::size_t shard, Helpers helpers) {
            tell(shard, [site, helpers](ShardDispatcher& there) {
              LocalSite* const its =
                  helpers == Helpers::all ? there.local(site) : there.find_local(site);
              if (its != nullptr) its->delivery->offer_room();
            });
          },
      .forget_wants =
          [this, site](std::size_t shard) {
            tell(shard, [site](ShardDispatcher& there) {
              if (LocalSite* const its = there.find_local(site)) its->delivery->forget_wants();
            });
          },
      .expire = [&local](const auto& waiting) { local.delivery->expire(waiting); },
      .on_trouble = [this, &local] { rehome(local); }});
}

std::unique_ptr<MxStage> ShardDispatcher::make_stage(LocalSite& local) {
  return std::make_unique<MxStage>(MxStage::Parts{
      .shard = shard_,
      .route = local.number,
      .planned = local.planned,
      .resolver = exchanges_,
      .directory = shared_->directory,
      .ours = shared_->ours,
      .domain_of = [this](std::uint32_t queue) { return domain_of(queue); },
      .forward =
          [this](std::size_t site, const QueuedRecord& record) {
            give_back(site, Returned{.record = record, .wait = Duration(0)});
          },
      .fail = [&local](const auto& waiting,
                       const smtp::Reply& reply) { local.delivery->fail(waiting, reply); },
      .expire = [&local](const auto& waiting) { local.delivery->expire(waiting); }});
}

void ShardDispatcher::start(LocalSite& local) {
  if (local.home != nullptr) local.tasks.spawn(local.home->keep());
  if (local.stage != nullptr) local.tasks.spawn(local.stage->run());
}

// One task per shard; the first shard looks after the directory as well.
Task<void> ShardDispatcher::close_idle_sites() {
  while (!is_stopping_) {
    const Deadline deadline = Deadline::in(shard_.clock(), kIdleCheck);
    auto slept = co_await sleep_until(shard_, deadline);
    if (!slept || is_stopping_) co_return;
    const Instant now = shard_.clock().now();
    std::vector<std::unique_ptr<LocalSite>> idle;
    for (auto site = sites_.begin(); site != sites_.end();) {
      LocalSite& local = *site->second;
      const bool is_idle = local.is(SiteKind::exchange) && local.is_idle();
      if (!is_idle) local.used = now;
      if (!is_idle || local.used + kSiteIdle > now) {
        ++site;
        continue;
      }
      idle.push_back(std::move(site->second));
      site = sites_.erase(site);
    }
    for (auto& local : idle) co_await close_site(std::move(local));
    if (shard_.id() == ShardId(0)) shared_->directory.forget_idle(now);
  }
}

Task<void> ShardDispatcher::close_site(std::unique_ptr<LocalSite> local) {
  if (local->home != nullptr) local->home->stop();
  local->delivery->stop();
  co_await local->tasks.join();
  co_await local->delivery->join();
}

// What is sent ends by itself, or at stop_deadline_.
Task<void> ShardDispatcher::close_all() {
  for (auto& [number, local] : sites_) {
    if (local->home != nullptr) local->home->stop();
    if (local->stage != nullptr) local->stage->stop();
    local->delivery->stop();
  }
  kept_.clear();
  TaskScope cutting(shard_.run_queue());
  cutting.spawn([](ShardDispatcher& self) -> Task<void> {
    while (!self.stop_deadline_.has_passed(self.shard_.clock().now())) {
      const Deadline deadline = self.stop_deadline_;
      auto woken = co_await self.stopped_.wait(deadline);
      if (!woken && woken.error().code() == ErrorCode::cancelled) co_return;
    }
    for (auto& [number, local] : self.sites_) local->delivery->cut();
  }(*this));
  for (auto& [number, local] : sites_) co_await local->delivery->join();
  co_await cutting.close();
  co_await resolver_->close();
  for (auto& [number, local] : sites_) {
    if (local->stage != nullptr) co_await local->stage->join();
    co_await local->tasks.close();
  }
  co_await scope_.close();
}

}  // namespace sluice::relay
