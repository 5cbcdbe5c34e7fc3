#include "bench/sink_session.h"

#include <cerrno>

#include "tests/unit/core/shard_fixture.h"

namespace sluice::bench {
namespace {

constexpr std::string_view kMessage =
    "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 7 LAST\r\n\r\nbody\r";
constexpr std::string_view kRepliesToMessage = "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.0.0 Ok\r\n";
constexpr std::string_view kGreeting = "220 sink.example ESMTP sluice-sink\r\n";

// A session of the sink with a client at the other end.
struct Line {
  Line(Shard& shard, Duration latency)
      : sockets(connected_pair()),
        session(shard, settings, latency, counters, *ledger,
                adopt_socket(shard, sockets.second, Direction::incoming), nullptr) {}

  SocketPair sockets;
  SinkSettings settings;
  SinkCounters counters;
  std::unique_ptr<Ledger> ledger = Ledger::open("").value();
  SinkSession session;
};

Task<void> send_messages_without_reading(Shard& shard) {
  Line line(shard, std::chrono::hours(1));
  TaskScope scope(shard.run_queue());
  scope.spawn(line.session.run());
  const Deadline deadline = soon(shard);
  for (std::uint64_t count = 1; count <= 3; ++count) {
    write_all(line.sockets.first, kMessage);
    while (line.counters.messages < count && !deadline.has_passed(shard.clock().now())) {
      co_await yield(shard);
    }
    EXPECT_EQ(line.counters.messages, count);
  }
  char reply = 0;
  EXPECT_EQ(recv(line.sockets.first, &reply, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
  co_await scope.close();
  close(line.sockets.first);
}

TEST(SinkSession, TakesMoreWhileItsRepliesAreOnTheLine) {
  run_on_shard(send_messages_without_reading);
}

Task<void> exchange_messages(Shard& shard, Duration latency, std::string& replies) {
  Line line(shard, latency);
  auto client = adopt_socket(shard, line.sockets.first, Direction::outgoing);
  TaskScope scope(shard.run_queue());
  scope.spawn(line.session.run());
  for (int i = 0; i < 3; ++i) {
    auto sent = co_await send_text(*client, std::string(kMessage), soon(shard));
    EXPECT_TRUE(sent);
  }
  const std::size_t bytes = kGreeting.size() + 3 * kRepliesToMessage.size();
  auto read = co_await read_bytes(*client, bytes, soon(shard));
  replies = read.value_or("");
  co_await client->close();
  co_await scope.join();
}

TEST(SinkSession, RepliesInOrderAndNoEarlierThanTheLatency) {
  std::string expected(kGreeting);
  for (int i = 0; i < 3; ++i) expected += kRepliesToMessage;
  for (const Duration latency : {Duration(0), Duration(std::chrono::milliseconds(5))}) {
    std::string replies;
    const Instant begin = Clock().now();
    run_on_shard(exchange_messages, latency, replies);
    EXPECT_GE(Clock().now() - begin, latency);
    EXPECT_EQ(replies, expected);
  }
}

}  // namespace
}  // namespace sluice::bench
