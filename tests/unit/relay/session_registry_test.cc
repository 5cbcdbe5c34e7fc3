#include "relay/session_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/relay/reception_world.h"

namespace sluice::relay {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// The far end of a connection whose near end the registry has.
class Client {
 public:
  Client(Shard& shard, int descriptor)
      : shard_(shard), stream_(adopt_socket(shard, descriptor, Direction::outgoing)) {}

  const std::string& heard() const { return heard_; }

  Task<void> say(std::string lines) {
    const Deadline deadline = soon(shard_);
    auto sent = co_await send_text(*stream_, std::move(lines), deadline);
    EXPECT_TRUE(sent.has_value());
  }

  Task<void> hear(std::string words) {
    const Deadline deadline = soon(shard_);
    while (heard_.find(words) == std::string::npos) {
      auto filled = co_await stream_->fill(deadline);
      EXPECT_TRUE(filled.has_value()) << "instead of " << words << " there was: " << heard_;
      if (!filled) co_return;
      take();
    }
  }

  // Until the registry's end is closed; then closes this one.
  Task<void> hear_the_end() {
    const Deadline deadline = soon(shard_);
    auto filled = co_await stream_->fill(deadline);
    while (filled) {
      take();
      filled = co_await stream_->fill(deadline);
    }
    EXPECT_NE(filled.error().code(), ErrorCode::timed_out);
    co_await stream_->close();
  }

 private:
  void take() {
    heard_ += stream_->received();
    stream_->consume(stream_->received().size());
  }

  Shard& shard_;
  std::unique_ptr<Stream> stream_;
  std::string heard_;
};

struct RegistryWorld : ReceptionWorld {
  RegistryWorld() { apply_config(); }

  Client connect(Admission admission = Admission::welcome,
                 ClientIdentity identity = ClientIdentity::known) {
    const SocketPair pair = connected_pair();
    registry.open(NewConnection{.descriptor = pair.second,
                                .peer = *Endpoint::parse("127.0.0.1:40000"),
                                .local = listener.address.front(),
                                .listener = 0,
                                .admission = admission,
                                .identity = identity});
    return Client(*shard, pair.first);
  }

  Deadline now() const { return Deadline::at(shard->clock().now()); }
  Deadline later() const { return soon(*shard); }
  Task<void> finish(Deadline transactions, Deadline final_dots) {
    co_await registry.finish(transactions, final_dots);
    is_finished = true;
  }

  // Without haste.
  Task<void> finish_in_order() {
    const Deadline deadline = later();
    co_await finish(deadline, deadline);
  }

  Task<Admission> announce(Announcement announcement) {
    announced.push_back(announcement.client);
    co_return announced_admission;
  }

  std::vector<EndedConnection> ended;
  std::vector<IpAddress> announced;
  Admission announced_admission = Admission::welcome;
  SessionRegistry registry{
      parts,
      {.on_ended =
           [this](std::vector<EndedConnection> connections) {
             ended.insert(ended.end(), connections.begin(), connections.end());
           },
       .announce = [this](Announcement announcement) { return announce(announcement); }}};
  TaskScope scope{shard->run_queue()};
  bool is_finished = false;
};

using Script = Task<void> (*)(RegistryWorld&);

// The script is over when every session and its client have ended.
void run_with_registry(Script script) {
  RegistryWorld world;
  world.shard->run(script(world));
  EXPECT_TRUE(world.is_finished);
  EXPECT_EQ(world.registry.size(), 0u);
  EXPECT_EQ(world.metrics.sessions.value(), 0);
  EXPECT_EQ(open_sockets(*world.shard), 0u);
  EXPECT_EQ(world.budget.used(), ByteCount(0));
}

Task<void> begin_message(Client& client) {
  co_await client.say("EHLO c\r\nMAIL FROM:<s@example.com>\r\nRCPT TO:<r@example.org>\r\n");
  co_await client.hear("250 2.1.5");
}

// A whole message, whose commit is not there yet.
Task<void> give_message(RegistryWorld& world, Client& client) {
  world.spool.holds_commits = true;
  co_await begin_message(client);
  co_await client.say("BDAT 8 LAST\r\nX: y\r\n\r\n");
  while (world.spool.commits_held == 0) co_await yield(*world.shard);
}

Task<void> serve_and_report(RegistryWorld& world) {
  Client client = world.connect();
  co_await client.hear("220 relay.example ESMTP");
  EXPECT_EQ(world.registry.size(), 1u);
  EXPECT_EQ(world.metrics.sessions.value(), 1);
  co_await client.say("QUIT\r\n");
  co_await client.hear_the_end();
  EXPECT_THAT(client.heard(), HasSubstr("221 2.0.0"));
  co_await world.finish_in_order();
  EXPECT_EQ(world.ended.size(), 1u);
  if (world.ended.empty()) co_return;
  EXPECT_EQ(world.ended[0].client, *IpAddress::parse("127.0.0.1"));
  EXPECT_EQ(world.ended[0].listener, 0);
  EXPECT_EQ(world.ended[0].admission, Admission::welcome);
}

TEST(SessionRegistry, ServesAConnectionAndTellsOfItsEnd) { run_with_registry(serve_and_report); }

Task<void> refuse_one_too_many(RegistryWorld& world) {
  Client client = world.connect(Admission::too_many_connections);
  co_await client.hear_the_end();
  EXPECT_THAT(client.heard(), StartsWith("421 relay.example Too many connections"));
  co_await world.finish_in_order();
  EXPECT_EQ(world.ended.size(), 1u);
  if (world.ended.size() == 1) {
    EXPECT_EQ(world.ended[0].admission, Admission::too_many_connections);
  }
}

TEST(SessionRegistry, TellsAConnectionPastTheLimitsWhy) { run_with_registry(refuse_one_too_many); }

Task<void> end_idle_sessions(RegistryWorld& world) {
  Client first = world.connect();
  Client second = world.connect();
  co_await first.hear("220 ");
  co_await second.hear("220 ");
  co_await world.finish_in_order();
  co_await first.hear_the_end();
  co_await second.hear_the_end();
  EXPECT_THAT(first.heard(), HasSubstr("421 4.3.2"));
  EXPECT_THAT(second.heard(), HasSubstr("421 4.3.2"));
  EXPECT_EQ(world.ended.size(), 2u);
}

TEST(SessionRegistry, EndsIdleSessionsAtOnce) { run_with_registry(end_idle_sessions); }

Task<void> connect_while_it_stops(RegistryWorld& world) {
  world.parts.is_stopping = true;
  Client client = world.connect();
  co_await client.hear_the_end();
  EXPECT_THAT(client.heard(), StartsWith("421 relay.example"));
  co_await world.finish_in_order();
}

TEST(SessionRegistry, EndsASessionThatOpensWhileTheRelayStops) {
  run_with_registry(connect_while_it_stops);
}

Task<void> let_a_transaction_end(RegistryWorld& world) {
  Client client = world.connect();
  co_await begin_message(client);
  const Deadline later = world.later();
  world.scope.spawn(world.finish(later, later));
  co_await yield(*world.shard);
  EXPECT_FALSE(world.is_finished);
  co_await client.say("BDAT 8 LAST\r\nX: y\r\n\r\n");
  co_await client.hear_the_end();
  EXPECT_THAT(client.heard(), HasSubstr("250 2.0.0 Ok: queued as"));
  EXPECT_THAT(client.heard(), HasSubstr("421 4.3.2"));
  EXPECT_EQ(world.submitted.size(), 1u);
  co_await world.scope.join();
}

TEST(SessionRegistry, LetsATransactionEnd) { run_with_registry(let_a_transaction_end); }

Task<void> cut_a_transaction(RegistryWorld& world) {
  Client client = world.connect();
  co_await begin_message(client);
  const Deadline now = world.now();
  const Deadline later = world.later();
  co_await world.finish(now, later);
  co_await client.hear_the_end();
  EXPECT_TRUE(world.spool.accepted.empty());
}

TEST(SessionRegistry, CutsATransactionAtItsDeadline) { run_with_registry(cut_a_transaction); }

Task<void> wait_for_a_commit(RegistryWorld& world) {
  Client client = world.connect();
  co_await give_message(world, client);
  const Deadline now = world.now();
  const Deadline later = world.later();
  world.scope.spawn(world.finish(now, later));
  for (int turn = 0; turn < 10; ++turn) co_await yield(*world.shard);
  EXPECT_FALSE(world.is_finished);
  world.spool.holds_commits = false;
  co_await client.hear_the_end();
  EXPECT_THAT(client.heard(), HasSubstr("250 2.0.0 Ok: queued as"));
  co_await world.scope.join();
}

TEST(SessionRegistry, AnswersAMessagePastItsFinalDotBehindTheFirstDeadline) {
  run_with_registry(wait_for_a_commit);
}

Task<void> pass_the_last_deadline(RegistryWorld& world) {
  Client client = world.connect();
  co_await give_message(world, client);
  const Deadline now = world.now();
  world.scope.spawn(world.finish(now, now));
  for (int turn = 0; turn < 10; ++turn) co_await yield(*world.shard);
  EXPECT_FALSE(world.is_finished);
  world.spool.holds_commits = false;
  co_await world.scope.join();
  EXPECT_EQ(world.submitted.size(), 1u);
  co_await client.hear_the_end();
}

TEST(SessionRegistry, AwaitsACommitHoweverLateItIs) { run_with_registry(pass_the_last_deadline); }

Task<void> hurry(RegistryWorld& world) {
  Client client = world.connect();
  co_await begin_message(client);
  const Deadline later = world.later();
  world.scope.spawn(world.finish(later, later));
  co_await yield(*world.shard);
  world.registry.hurry();
  co_await world.scope.join();
  EXPECT_LT(world.shard->clock().now(), later.instant());
  co_await client.hear_the_end();
}

TEST(SessionRegistry, CutsWhatItWaitsForWhenItHurries) { run_with_registry(hurry); }

// ---- proxies

Task<void> be_denied_relay(Client& client) {
  co_await client.hear("220 relay.example ESMTP");
  co_await client.say("EHLO c\r\nMAIL FROM:<s@example.com>\r\nRCPT TO:<r@example.org>\r\nQUIT\r\n");
  co_await client.hear_the_end();
  EXPECT_THAT(client.heard(), HasSubstr("550 5.7.1 Relay access denied"));
}

Task<void> serve_an_announced_client(RegistryWorld& world) {
  Client client = world.connect(Admission::welcome, ClientIdentity::hidden);
  co_await client.say("PROXY TCP4 192.0.2.1 198.51.100.2 40000 587\r\n");
  co_await be_denied_relay(client);  // 192.0.2.1 is in no relay_networks, although the proxy is
  co_await world.finish_in_order();
  const IpAddress named = *IpAddress::parse("192.0.2.1");
  EXPECT_THAT(world.announced, testing::ElementsAre(named));
  EXPECT_EQ(world.ended.size(), 1u);
  if (world.ended.size() == 1) {
    EXPECT_EQ(world.ended[0].client, named);
  }
}

TEST(SessionRegistry, GoesByTheClientThatAProxyNames) {
  run_with_registry(serve_an_announced_client);
}

Task<void> refuse_an_announced_client(RegistryWorld& world) {
  world.announced_admission = Admission::too_many_from_address;
  Client client = world.connect(Admission::welcome, ClientIdentity::hidden);
  co_await client.say("PROXY TCP4 192.0.2.1 198.51.100.2 40000 587\r\n");
  co_await client.hear_the_end();
  EXPECT_THAT(client.heard(), StartsWith("421 relay.example"));
  co_await world.finish_in_order();
  EXPECT_EQ(world.ended.size(), 1u);
  if (world.ended.size() == 1) {
    EXPECT_EQ(world.ended[0].admission, Admission::too_many_from_address);
  }
}

TEST(SessionRegistry, RefusesAnAnnouncedClientPastItsLimits) {
  run_with_registry(refuse_an_announced_client);
}

Task<void> serve_a_hidden_client(RegistryWorld& world) {
  Client client = world.connect(Admission::welcome, ClientIdentity::hidden);
  co_await client.say("PROXY UNKNOWN\r\n");
  co_await be_denied_relay(client);
  co_await world.finish_in_order();
  EXPECT_THAT(world.announced, testing::IsEmpty());
  EXPECT_EQ(world.ended.size(), 1u);
  if (world.ended.size() == 1) {
    EXPECT_EQ(world.ended[0].client, std::nullopt);
  }
}

TEST(SessionRegistry, AProxyThatNamesNobodyMayNotRelay) {
  run_with_registry(serve_a_hidden_client);
}

Task<void> refuse_a_proxy_without_header(RegistryWorld& world) {
  Client client = world.connect(Admission::welcome, ClientIdentity::hidden);
  co_await client.say("EHLO c\r\n");
  co_await client.hear_the_end();
  EXPECT_EQ(client.heard(), "");
  EXPECT_EQ(world.metrics.proxy_failures.value(), 1u);
  co_await world.finish_in_order();
}

TEST(SessionRegistry, AProxyMustSayForWhomItConnects) {
  run_with_registry(refuse_a_proxy_without_header);
}

Task<void> finish_while_a_proxy_is_silent(RegistryWorld& world) {
  Client client = world.connect(Admission::welcome, ClientIdentity::hidden);
  const Deadline now = world.now();
  co_await world.finish(now, now);
  co_await client.hear_the_end();
  EXPECT_EQ(world.ended.size(), 1u);
}

TEST(SessionRegistry, WaitsForNoSilentProxyAtItsEnd) {
  run_with_registry(finish_while_a_proxy_is_silent);
}

Task<void> refuse_a_header_of_anybody(RegistryWorld& world) {
  Client client = world.connect();
  co_await client.say("PROXY TCP4 192.0.2.1 198.51.100.2 40000 587\r\n");
  co_await client.hear_the_end();
  EXPECT_THAT(client.heard(), HasSubstr("421 4.7.0 relay.example Your address may not announce"));
  co_await world.finish_in_order();
}

TEST(SessionRegistry, NobodyElseMayAnnounceAClient) {
  run_with_registry(refuse_a_header_of_anybody);
}

}  // namespace
}  // namespace sluice::relay
