#include "relay/connection_pool.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/shard_group.h"
#include "relay/host_resolver.h"
#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/smtp/scripted_server.h"

namespace sluice::relay {
namespace {

// An SMTP server on a port of loopback, on the test's own shard.
struct LoopbackServer {
  explicit LoopbackServer(Shard& on) : shard(on), conversations(on.run_queue()) {}

  Shard& shard;
  ListenSocket socket = std::move(ListenSocket::bind_tcp(loopback())).value();
  TaskScope conversations;
  std::string greeting = "220 mx.test ESMTP\r\n";
  std::vector<std::string> lines;

  SmartHost host() const { return {.host = "127.0.0.1", .port = socket.endpoint().port}; }
  void start() {
    conversations.spawn(accept_connections(shard, socket, [this](const Accepted& accepted) {
      conversations.spawn(converse(accepted.descriptor));
    }));
  }
  Task<void> converse(int descriptor) {
    auto stream = adopt_socket(shard, descriptor, Direction::incoming);
    smtp::ScriptedServer server;
    std::string answer = greeting;
    while (true) {
      const Deadline deadline = soon(shard);
      auto sent = co_await send_text(*stream, answer, deadline);
      if (!sent || server.is_closed) break;
      auto filled = co_await stream->fill(deadline);
      if (!filled) break;
      answer = server.receive(stream->received());
      stream->consume(stream->received().size());
    }
    lines.insert(lines.end(), server.lines.begin(), server.lines.end());
    co_await stream->close();
  }
};

// What a test has on its shard.
struct PoolWorld {
  PoolWorld(Shard& on, ShardGroup& group)
      : shard(on), server(on), resolver(group), metrics(on.metrics()), changed(on) {
    config.hostname = "client.test";
  }

  void make_pool(std::vector<SmartHost> hosts, std::uint32_t site_limit, std::uint32_t node_limit) {
    node = std::make_unique<LimitCell>(node_limit);
    site = std::make_unique<Site>("*", std::move(hosts), site_limit, ShardId(0));
    const PoolParts parts{
        .shard = shard,
        .config = config,
        .security = security,
        .site = *site,
        .node_connections = *node,
        .addresses_of = [this](SmartHost host) { return resolver.resolve(shard, host); },
        .metrics = metrics,
        .on_node_room = [this] { ++times_told; }};
    pool = std::make_unique<ConnectionPool>(parts, [this] { changed.notify_all(); });
  }

  // Waits for a change of the pool until `is_reached` holds.
  Task<void> wait_until(std::function<bool()> is_reached) {
    while (!is_reached()) {
      const Deadline deadline = soon(shard);
      auto woken = co_await changed.wait(deadline);
      EXPECT_TRUE(woken.has_value());
      if (!woken) co_return;
    }
  }
  Task<void> open_connection() {
    EXPECT_TRUE(pool->open_one());
    std::function<bool()> is_settled = [this] { return pool->opening() == 0; };
    co_await wait_until(std::move(is_settled));
  }

  Shard& shard;
  RelayConfig config;
  RouteSecurity security;
  LoopbackServer server;
  HostResolver resolver;
  DeliveryMetrics metrics;
  Event changed;
  std::unique_ptr<LimitCell> node;
  std::unique_ptr<Site> site;
  std::unique_ptr<ConnectionPool> pool;
  int times_told = 0;
};

using Script = Task<void> (*)(PoolWorld&);

Task<void> run_script(Shard& shard, ShardGroup& group, Script script) {
  PoolWorld world(shard, group);
  world.server.start();
  co_await script(world);
  world.pool->stop();
  co_await world.pool->join();
  EXPECT_EQ(world.node->used(), 0u);
  EXPECT_EQ(world.site->connections().used(), 0u);
  co_await world.server.conversations.close();
}

void run_with_pool(Script script) {
  auto group = std::move(ShardGroup::start(1, kTestSeed)).value();
  group->run([&group, script](Shard& shard) { return run_script(shard, *group, script); });
}

std::vector<SmartHost> server_only(const PoolWorld& world) {
  return std::vector<SmartHost>(1, world.server.host());
}

// A host whose port refuses connections.
SmartHost dead_host() {
  const auto closed = std::move(ListenSocket::bind_tcp(loopback())).value();
  return {.host = "127.0.0.1", .port = closed.endpoint().port};
}

Task<void> open_past_the_limit_of_the_site(PoolWorld& world) {
  world.make_pool(server_only(world), 2, 10);
  EXPECT_TRUE(world.pool->open_one());
  EXPECT_TRUE(world.pool->open_one());
  EXPECT_FALSE(world.pool->may_open());
  EXPECT_FALSE(world.pool->open_one());
  EXPECT_EQ(world.node->used(), 2u);
  std::function<bool()> is_open = [&world] { return world.pool->free_slots() == 2; };
  co_await world.wait_until(std::move(is_open));
}

TEST(ConnectionPool, OpensNoMoreThanTheSiteAllows) {
  run_with_pool(open_past_the_limit_of_the_site);
}

Task<void> wait_for_the_node(PoolWorld& world) {
  world.make_pool(server_only(world), 5, 1);
  co_await world.open_connection();
  EXPECT_FALSE(world.pool->open_one());
  EXPECT_EQ(world.site->connections().used(), 1u);
  EXPECT_FALSE(world.pool->may_open());
  world.pool->stop();
  co_await world.pool->join();
  EXPECT_EQ(world.times_told, 1);
}

TEST(ConnectionPool, TellsOfAReleaseThatWasWaitedFor) { run_with_pool(wait_for_the_node); }

Task<void> fail_over(PoolWorld& world) {
  std::vector<SmartHost> hosts(1, dead_host());
  hosts.push_back(world.server.host());
  world.make_pool(std::move(hosts), 5, 5);
  co_await world.open_connection();
  const PooledConnection* connection = world.pool->free_connection();
  EXPECT_NE(connection, nullptr);
  if (connection != nullptr) EXPECT_EQ(connection->host, 1u);
}

TEST(ConnectionPool, TakesTheNextHostWhenOneRefuses) { run_with_pool(fail_over); }

Task<void> back_off(PoolWorld& world) {
  world.server.greeting = "554 5.7.1 go away\r\n";
  world.make_pool(server_only(world), 5, 5);
  co_await world.open_connection();
  EXPECT_TRUE(world.pool->empty());
  EXPECT_FALSE(world.pool->may_open());
  EXPECT_FALSE(world.pool->open_one());
  EXPECT_NE(world.site->trouble().find("554 5.7.1 go away"), std::string::npos);
}

TEST(ConnectionPool, LeavesAHostAloneThatDoesNotGreet) { run_with_pool(back_off); }

Task<void> idle(PoolWorld& world) {
  world.config.delivery.timeouts.idle = std::chrono::milliseconds(1);
  world.make_pool(server_only(world), 5, 5);
  co_await world.open_connection();
  std::function<bool()> has_ended = [&world] { return world.pool->empty(); };
  co_await world.wait_until(std::move(has_ended));
  EXPECT_EQ(world.server.lines.back(), "QUIT");
  EXPECT_TRUE(world.pool->may_open());
}

TEST(ConnectionPool, SaysQuitOnAConnectionThatIdles) { run_with_pool(idle); }

Task<void> go_alone(PoolWorld& world) {
  world.make_pool(server_only(world), 1, 1);
  co_await world.open_connection();
  PooledConnection* connection = world.pool->free_connection();
  EXPECT_NE(connection, nullptr);
  if (connection == nullptr) co_return;
  world.pool->begin_attempt(*connection);
  EXPECT_EQ(world.pool->lone_connection(), nullptr);
  EXPECT_EQ(world.pool->free_connection(), nullptr);
  EXPECT_EQ(world.pool->free_slots(), 0u);
  world.pool->end_attempt(*connection);
  EXPECT_EQ(world.pool->lone_connection(), connection);
  world.pool->begin_attempt(*connection);
  EXPECT_EQ(world.pool->free_connection(), nullptr);
  world.pool->end_attempt(*connection);
  EXPECT_EQ(world.pool->free_connection(), connection);
}

TEST(ConnectionPool, KeepsAConnectionFreeForWhatGoesAlone) { run_with_pool(go_alone); }

Task<void> resolve(PoolWorld& world) {
  world.make_pool(server_only(world), 1, 1);
  const SmartHost literal{.host = "192.0.2.7", .port = 2525};
  auto known = co_await world.resolver.resolve(world.shard, literal);
  EXPECT_TRUE(known.has_value());
  if (known) EXPECT_EQ(known->at(0).to_string(), "192.0.2.7:2525");
  const SmartHost name{.host = "localhost", .port = 25};
  for (int i = 0; i < 2; ++i) {  // asked, then remembered
    auto found = co_await world.resolver.resolve(world.shard, name);
    EXPECT_TRUE(found.has_value());
    if (found) EXPECT_EQ(found->at(0).port, 25);
  }
  const SmartHost wrong{.host = "..", .port = 25};
  auto missing = co_await world.resolver.resolve(world.shard, wrong);
  EXPECT_FALSE(missing.has_value());
}

TEST(HostResolver, KnowsLiteralsAndAsksForNames) { run_with_pool(resolve); }

}  // namespace
}  // namespace sluice::relay
