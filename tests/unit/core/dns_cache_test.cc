#include "core/dns_cache.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "core/event.h"
#include "core/shard_group.h"
#include "tests/unit/core/shard_fixture.h"

namespace sluice {
namespace {

using std::chrono::seconds;

// A resolver that answers when the test says so.
class FakeResolver final : public Resolver {
 public:
  explicit FakeResolver(Shard& shard) : opened(shard) {}

  Task<Result<DnsAnswer>> ask(DnsQuestion question) override {
    ++asked[question.name];
    while (is_held) {
      auto woken = co_await opened.wait(Deadline::never());
      if (!woken) break;
    }
    const auto known = answers.find(question.name);
    if (known == answers.end()) co_return fail(ErrorCode::timed_out, "no DNS server answers");
    co_return known->second;
  }
  Task<void> close() override { co_return; }

  Event opened;
  bool is_held = false;
  std::map<std::string, DnsAnswer> answers;
  std::map<std::string, int> asked;
};

DnsAnswer found(const std::string& name, Duration ttl) {
  return {.status = DnsStatus::found,
          .name = name,
          .addresses = {IpAddress::v4(0x01020304)},
          .ttl = ttl};
}

struct CacheWorld {
  explicit CacheWorld(Shard& on, const DnsCacheSettings& settings = {})
      : shard(on), resolver(on), metrics(on.metrics()), cache(settings) {}

  Task<Result<KnownDnsAnswer>> look_up(std::string name) {
    DnsQuestion question{.name = std::move(name), .type = DnsType::a};
    const DnsAsker asker{.shard = shard, .resolver = resolver, .metrics = metrics};
    co_return co_await cache.look_up(asker, std::move(question));
  }

  Shard& shard;
  FakeResolver resolver;
  DnsMetrics metrics;
  DnsCache cache;
};

Task<void> ask_twice(Shard& shard) {
  CacheWorld world(shard);
  world.resolver.answers["a.test"] = found("a.test", seconds(300));
  const Instant before = shard.clock().now();
  auto first = co_await world.look_up("a.test");
  auto second = co_await world.look_up("a.test");
  EXPECT_EQ(world.resolver.asked["a.test"], 1);
  EXPECT_EQ(first->answer, second->answer);
  EXPECT_GE(first->until, before + seconds(300));
  EXPECT_EQ(world.metrics.cache_hits.value(), 1u);
  EXPECT_EQ(world.metrics.queries.value(), 1u);
}

TEST(DnsCache, AnswersFromWhatItKnows) { run_on_shard(ask_twice); }

Task<void> ask_for_short_lived(Shard& shard) {
  CacheWorld world(shard);
  world.resolver.answers["none.test"] = {
      .status = DnsStatus::no_such_name, .name = "none.test", .ttl = std::chrono::hours(5)};
  world.resolver.answers["zero.test"] = found("zero.test", seconds(0));
  const Instant before = shard.clock().now();
  auto none = co_await world.look_up("none.test");
  auto zero = co_await world.look_up("zero.test");
  auto failed = co_await world.look_up("failing.test");
  const Instant after = shard.clock().now();
  EXPECT_GE(none->until, before + kDnsNegativeTtlMax);
  EXPECT_LE(none->until, after + kDnsNegativeTtlMax);
  EXPECT_GE(zero->until, before + kDnsTtlMin);
  EXPECT_FALSE(failed.has_value());
  auto again = co_await world.look_up("failing.test");
  EXPECT_FALSE(again.has_value());
  EXPECT_EQ(world.resolver.asked["failing.test"], 1);  // a failure is kept for a moment too
}

TEST(DnsCache, BoundsHowLongAnswersHold) { run_on_shard(ask_for_short_lived); }

Task<void> ask_and_count(CacheWorld& world, int& answered) {
  auto known = co_await world.look_up("a.test");
  if (known) ++answered;
}

Task<void> ask_together(Shard& shard) {
  CacheWorld world(shard);
  world.resolver.answers["a.test"] = found("a.test", seconds(300));
  world.resolver.is_held = true;
  TaskScope scope(shard.run_queue());
  int answered = 0;
  for (int i = 0; i < 10; ++i) scope.spawn(ask_and_count(world, answered));
  EXPECT_EQ(world.resolver.asked["a.test"], 1);
  world.resolver.is_held = false;
  world.resolver.opened.notify_all();
  co_await scope.join();
  EXPECT_EQ(answered, 10);
  EXPECT_EQ(world.resolver.asked["a.test"], 1);
  EXPECT_EQ(world.metrics.coalesced.value(), 9u);
}

TEST(DnsCache, AsksOnceForAllWhoWantTheSame) { run_on_shard(ask_together); }

Task<void> ask_for_many(Shard& shard) {
  CacheWorld world(shard, {.entries_max = 3});
  for (const char* name : {"a.test", "b.test", "c.test", "d.test"}) {
    world.resolver.answers[name] = found(name, seconds(300));
    auto known = co_await world.look_up(name);
    EXPECT_TRUE(known.has_value());
  }
  EXPECT_EQ(world.cache.entries(), 3u);
  auto kept = co_await world.look_up("b.test");
  EXPECT_TRUE(kept.has_value());
  EXPECT_EQ(world.resolver.asked["b.test"], 1);
  auto forgotten = co_await world.look_up("a.test");
  EXPECT_TRUE(forgotten.has_value());
  EXPECT_EQ(world.resolver.asked["a.test"], 2);
}

TEST(DnsCache, ForgetsTheOldestPastItsBound) { run_on_shard(ask_for_many); }

Task<void> ask_for_large(Shard& shard) {
  CacheWorld world(shard, {.entries_max = 100, .bytes_max = ByteCount(20'000)});
  for (int i = 0; i < 10; ++i) {
    const std::string name = "n" + std::to_string(i) + ".test";
    world.resolver.answers[name] = found(name, seconds(300));
    world.resolver.answers[name].texts.emplace_back(4000, 'x');
    auto known = co_await world.look_up(name);
    EXPECT_TRUE(known.has_value());
  }
  EXPECT_LE(world.cache.entries(), 5u);
}

TEST(DnsCache, IsBoundedInBytes) { run_on_shard(ask_for_large); }

Task<void> ask_for_alias(Shard& shard) {
  CacheWorld world(shard);
  world.resolver.answers["a.test"] = {
      .name = "b.test", .ttl = seconds(30), .is_authentic = true, .is_unfinished = true};
  world.resolver.answers["b.test"] = found("b.test", seconds(300));
  world.resolver.answers["x.test"] = {.name = "x.test", .ttl = seconds(30), .is_unfinished = true};
  const Instant before = shard.clock().now();
  auto known = co_await world.look_up("a.test");
  EXPECT_EQ(known->answer->name, "b.test");
  EXPECT_EQ(known->answer->addresses.size(), 1u);
  EXPECT_LT(known->until, before + seconds(60));  // the alias holds for the shorter time
  EXPECT_FALSE(known->answer->is_authentic);      // only the alias is vouched for
  auto endless = co_await world.look_up("x.test");
  EXPECT_FALSE(endless.has_value());
}

TEST(DnsCache, AsksForTheTargetOfAnAliasThatTheReplyDidNotTell) { run_on_shard(ask_for_alias); }

// Shards ask at once for the same names: each name is asked for once, and all are answered.
TEST(DnsCache, ServesManyShards) {
  auto group = ShardGroup::start(4, kTestSeed);
  ASSERT_TRUE(group.has_value());
  DnsCache cache;
  std::atomic<int> answered{0};
  std::atomic<std::uint64_t> queries{0};
  (*group)->run([&](Shard& shard) -> Task<void> {
    return [](Shard& here, DnsCache& shared, std::atomic<int>& told,
              std::atomic<std::uint64_t>& asked) -> Task<void> {
      FakeResolver resolver(here);
      DnsMetrics metrics(here.metrics());
      const DnsAsker asker{.shard = here, .resolver = resolver, .metrics = metrics};
      for (int i = 0; i < 200; ++i) {
        const std::string name = "n" + std::to_string(i) + ".test";
        resolver.answers[name] = found(name, seconds(300));
        DnsQuestion question{.name = name, .type = DnsType::a};
        auto known = co_await shared.look_up(asker, std::move(question));
        if (known) told.fetch_add(1);
        co_await yield(here);
      }
      asked.fetch_add(metrics.queries.value());
    }(shard, cache, answered, queries);
  });
  EXPECT_EQ(answered.load(), 800);
  EXPECT_EQ(queries.load(), 200u);
}

}  // namespace
}  // namespace sluice
