#include "relay/lifecycle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "relay/tenant.h"
#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/relay/envelope_fixture.h"
#include "tests/unit/relay/fake_spool.h"

namespace sluice::relay {
namespace {

// A spool with as many recipients in its books as the test says.
class CountingSpool final : public FakeSpool {
 public:
  std::atomic<std::uint64_t> queued = 0;
  mutable std::atomic<std::uint64_t> times_asked = 0;
  spool::Accounting accounting() const override {
    ++times_asked;
    return {.queued = queued};
  }
};

std::shared_ptr<const RelayConfig> config_with_a_route() {
  auto config = std::make_shared<RelayConfig>();
  config->hostname = "relay.example";
  config->retries.push_back(RetrySettings());
  config->routes.push_back({.domains = {"example.net"},
                            .smart_hosts = {{.host = "127.0.0.1", .port = 1}},
                            .connections = {}});
  return config;
}

// The relay between its ports and its spool, on shards of its own.
struct LifecycleWorld {
  explicit LifecycleWorld(unsigned shard_count, DeliveryStart start)
      : group(std::move(ShardGroup::start(shard_count, kTestSeed)).value()),
        relay_parts{.policy = ReceptionPolicy::make(config, tenants, nullptr).value(),
                    .spool = spool,
                    .budget = budget,
                    .dispatchers =
                        DispatcherGroup::make(
                            config, {.spool = spool, .shards = *group, .tenants = tenants}, start)
                            .value()} {}

  Shard& first() { return group->at(ShardId(0)); }
  bool has(std::string_view event) const {
    return std::ranges::find(events, event) != events.end();
  }
  Deadline soon_here() { return soon(first()); }
  std::uint32_t queue_of(std::string_view domain) {
    held_queues.push_back(spool.hold_queue(domain));
    return held_queues.back().number();
  }

  std::shared_ptr<const RelayConfig> config = config_with_a_route();
  CountingSpool spool;
  std::vector<spool::QueueHold> held_queues;
  MemoryBudget budget{mebibytes(1)};
  TenantRegistry tenants;
  std::unique_ptr<ShardGroup> group;
  RelayParts relay_parts;
  ShardParts parts{*group};
  Listener listener{first(), *config, group->size(), [](ShardId, NewConnection) {}};
  Lifecycle lifecycle{first(), parts, spool, listener};
  std::vector<std::string> events;  // of shard 0
};

Task<void> note_leaving(LifecycleWorld& world) {
  world.events.push_back("leaving");
  co_return;
}

Task<void> lead(LifecycleWorld& world) {
  Lifecycle::Steps steps{.on_open = [&world] { world.events.push_back("open"); },
                         .on_stopping = [&world] { world.events.push_back("stopping"); },
                         .before_leaving = [&world] { return note_leaving(world); }};
  co_await world.lifecycle.run(std::move(steps));
  world.events.push_back("over");
}

using Script = Task<void> (*)(LifecycleWorld&);

Task<void> run_part(Shard& shard, LifecycleWorld& world, Script script) {
  const ShardId id = shard.id();
  const ShardId first(0);
  SessionRegistry::Link link{.on_ended = [](const std::vector<EndedConnection>&) {},
                             .announce = nullptr};
  world.parts.put(id, std::make_unique<ShardPart>(shard, world.relay_parts, std::move(link)));
  if (id == first) {
    shard.scope().spawn(lead(world));
    shard.scope().spawn(script(world));
  }
  world.parts.send(shard, first, [&world] { world.lifecycle.on_part_opened(); });
  co_await world.parts.at(id).run();
}

// Every test ends as a relay does: all parts have left.
std::vector<std::string> run_lifecycle(Script script, unsigned shard_count = 1,
                                       DeliveryStart start = DeliveryStart::at_once) {
  LifecycleWorld world(shard_count, start);
  if (start == DeliveryStart::held) world.lifecycle.hold_delivery();
  world.group->run([&](Shard& shard) { return run_part(shard, world, script); });
  EXPECT_TRUE(world.lifecycle.progress().is_over);
  return world.events;
}

Task<void> wait_for_phase(LifecycleWorld& world, Phase phase) {
  const Deadline deadline = world.soon_here();
  while (world.lifecycle.progress().phase != phase) {
    auto changed = co_await world.lifecycle.wait_for_change(deadline);
    EXPECT_TRUE(changed.has_value())
        << "not " << name_of(phase) << " but " << name_of(world.lifecycle.progress().phase);
    if (!changed) co_return;
  }
}

// Until the condition holds, with a bound that only a failure reaches.
Task<void> wait_until(LifecycleWorld& world, std::function<bool()> holds) {
  const Deadline deadline = world.soon_here();
  while (!holds() && !deadline.has_passed(world.first().clock().now())) {
    const Deadline look_again = Deadline::in(world.first().clock(), std::chrono::milliseconds(1));
    auto slept = co_await sleep_until(world.first(), look_again);
    EXPECT_TRUE(slept.has_value());
  }
  EXPECT_TRUE(holds());
}

Task<void> stop(LifecycleWorld& world) {
  co_await wait_for_phase(world, Phase::running);
  EXPECT_EQ(world.parts.size(), 2u);
  world.lifecycle.request_stop();
}

TEST(Lifecycle, LeadsEveryShardToTheEndInOrder) {
  const auto events = run_lifecycle(stop, 2);
  EXPECT_EQ(events, (std::vector<std::string>{"open", "stopping", "leaving", "over"}));
}

Task<void> ask_before_it_opens(LifecycleWorld& world) {
  EXPECT_EQ(world.lifecycle.progress().phase, Phase::starting);
  EXPECT_TRUE(world.events.empty());
  world.lifecycle.request_stop();
  co_return;
}

TEST(Lifecycle, OpensAndThenStopsWhenItIsAskedWhileItStarts) {
  const auto events = run_lifecycle(ask_before_it_opens);
  EXPECT_EQ(events, (std::vector<std::string>{"open", "stopping", "leaving", "over"}));
}

Task<void> drain(LifecycleWorld& world) {
  world.spool.queued = 3;
  co_await wait_for_phase(world, Phase::running);
  world.lifecycle.request_drain(Deadline::never());
  co_await wait_for_phase(world, Phase::draining);
  EXPECT_EQ(world.lifecycle.progress().recipients_queued, 3u);
  world.spool.times_asked = 0;
  std::function<bool()> has_looked_twice = [&world] { return world.spool.times_asked >= 2; };
  co_await wait_until(world, std::move(has_looked_twice));
  EXPECT_EQ(world.lifecycle.progress().phase, Phase::draining);
  EXPECT_FALSE(world.has("stopping"));
  world.spool.queued = 0;
}

TEST(Lifecycle, DrainsUntilNothingIsQueued) { run_lifecycle(drain, 2); }

Task<void> drain_until_a_deadline(LifecycleWorld& world) {
  world.spool.queued = 3;
  co_await wait_for_phase(world, Phase::running);
  const Deadline at_once = Deadline::at(world.first().clock().now());
  world.lifecycle.request_drain(at_once);
}

TEST(Lifecycle, EndsADrainAtItsDeadline) { run_lifecycle(drain_until_a_deadline); }

Task<void> stop_a_drain(LifecycleWorld& world) {
  world.spool.queued = 3;
  co_await wait_for_phase(world, Phase::running);
  world.lifecycle.request_drain(Deadline::never());
  co_await wait_for_phase(world, Phase::draining);
  world.lifecycle.request_stop();
}

TEST(Lifecycle, EndsADrainThatIsToldToStop) { run_lifecycle(stop_a_drain); }

spool::WaitingEnvelope envelope_of(LifecycleWorld& world, std::string_view domain) {
  spool::WaitingEnvelope waiting = waiting_envelope(1, 3);
  waiting.queue = world.queue_of(domain);
  waiting.expiry = world.first().clock().wall() + std::chrono::hours(1);
  return waiting;
}

Task<void> drain_past(LifecycleWorld& world, std::string queue) {
  world.spool.queued = 3;
  world.relay_parts.dispatchers->recover(
      std::vector<spool::WaitingEnvelope>(1, envelope_of(world, queue)));
  co_await wait_for_phase(world, Phase::running);
  world.lifecycle.request_drain(Deadline::never());
  co_await wait_for_phase(world, Phase::stopping);
  EXPECT_EQ(world.lifecycle.progress().recipients_held_back, 3u);
}

Task<void> drain_past_the_unrouted(LifecycleWorld& world) {
  return drain_past(world, "nowhere.example");
}

TEST(Lifecycle, DoesNotWaitForWhatHasNoRoute) { run_lifecycle(drain_past_the_unrouted); }

Task<void> drain_past_the_suspended(LifecycleWorld& world) {
  Tenant& acme = world.tenants.tenant("acme");
  acme.set_configured(true);
  acme.set_suspended(TenantPart::delivery, true);
  return drain_past(world, "acme@example.net");
}

TEST(Lifecycle, DoesNotWaitForTheMailOfASuspendedTenant) {
  run_lifecycle(drain_past_the_suspended);
}

Task<void> drain_past_the_vanished(LifecycleWorld& world) {
  return drain_past(world, "spring:acme@example.net");
}

TEST(Lifecycle, DoesNotWaitForTheMailOfATenantThatVanished) {
  run_lifecycle(drain_past_the_vanished);
}

Task<void> hold_and_release(LifecycleWorld& world) {
  world.relay_parts.dispatchers->recover(
      std::vector<spool::WaitingEnvelope>(1, envelope_of(world, "example.net")));
  co_await wait_for_phase(world, Phase::running);
  EXPECT_TRUE(world.lifecycle.is_delivery_held());
  Dispatcher& dispatcher = world.parts.at(ShardId(0)).dispatcher();
  std::function<bool()> waits = [&dispatcher] {
    const auto rows = dispatcher.summarise();
    return rows.size() == 1 && rows[0].waits_for == "delivery held";
  };
  co_await wait_until(world, std::move(waits));
  world.lifecycle.release_delivery();
  EXPECT_FALSE(world.lifecycle.is_delivery_held());
  // The spool of this test does not know it, so the relay is rid of it as soon as it is sent.
  std::function<bool()> is_gone = [&dispatcher] { return dispatcher.pending() == 0; };
  co_await wait_until(world, std::move(is_gone));
  world.lifecycle.request_stop();
}

TEST(Lifecycle, HoldsDeliveryUntilItIsReleased) {
  run_lifecycle(hold_and_release, 1, DeliveryStart::held);
}

}  // namespace
}  // namespace sluice::relay
