#include "tls/tls_stream.h"

#include <gmock/gmock.h>

#include <string>

#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/tls/test_certificates.h"

namespace sluice::tls {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

ErrorCode code_of(const auto& result) {
  EXPECT_FALSE(result.has_value());
  return result.has_value() ? ErrorCode::system : result.error().code();
}

class TlsStreamTest : public testing::Test {
 protected:
  std::shared_ptr<const ServerContext> server() {
    return server_with({certificates_.load("ec:P-256", "DNS:mail.example.com")});
  }
  ClientRole client() {
    return {.context = client_with({.authorities_file = certificates_.authorities_file()}),
            .server_name = "mail.example.com",
            .session = {}};
  }
  TestCertificates certificates_;
};

// What happened in a task that the test does not await.
struct Seen {
  Result<ConnectionFacts> facts = fail(ErrorCode::system, "not yet");
  Result<void> result = fail(ErrorCode::system, "not yet");
  bool is_over = false;
};

Task<void> run_handshake(TlsStream& stream, Seen& seen, Deadline deadline) {
  seen.facts = co_await stream.handshake(deadline);
  seen.is_over = true;
}

// Two ends over loopback, the handshake made.
struct Pair {
  Pair(Shard& shard, std::shared_ptr<const ServerContext> context, ClientRole role)
      : scope(shard.run_queue()) {
    const SocketPair sockets = connected_pair();
    server = std::make_unique<TlsStream>(
        shard, adopt_socket(shard, sockets.first, Direction::incoming), std::move(context));
    client = std::make_unique<TlsStream>(
        shard, adopt_socket(shard, sockets.second, Direction::outgoing), std::move(role));
  }
  Task<void> connect(Shard& shard) {
    scope.spawn(run_handshake(*server, server_seen, soon(shard)));
    co_await run_handshake(*client, client_seen, soon(shard));
    co_await scope.join();
    EXPECT_TRUE(server_seen.facts) << server_seen.facts.error().sentence();
    EXPECT_TRUE(client_seen.facts) << client_seen.facts.error().sentence();
  }
  Task<void> close() {
    co_await client->close();
    co_await server->close();
    co_await scope.join();
  }

  TaskScope scope;
  std::unique_ptr<TlsStream> server;
  std::unique_ptr<TlsStream> client;
  Seen server_seen;
  Seen client_seen;
};

// A server end whose peer is a plain descriptor of the test.
struct Half {
  Half(Shard& shard, std::shared_ptr<const ServerContext> context) {
    const SocketPair sockets = connected_pair();
    peer = sockets.second;
    stream = std::make_unique<TlsStream>(
        shard, adopt_socket(shard, sockets.first, Direction::incoming), std::move(context));
  }
  std::unique_ptr<TlsStream> stream;
  int peer;
};

Task<void> exchange_lines(Shard& shard, std::shared_ptr<const ServerContext> context,
                          ClientRole role) {
  Pair pair(shard, std::move(context), std::move(role));
  co_await pair.connect(shard);
  EXPECT_EQ(pair.server_seen.facts->version, "TLSv1.3");
  const auto sent = co_await send_text(*pair.client, "hello", soon(shard));
  EXPECT_TRUE(sent);
  const auto text = co_await read_bytes(*pair.server, 5, soon(shard));
  EXPECT_EQ(text.value_or("nothing"), "hello");
  const auto answered = co_await send_text(*pair.server, "world", soon(shard));
  EXPECT_TRUE(answered);
  const auto answer = co_await read_bytes(*pair.client, 5, soon(shard));
  EXPECT_EQ(answer.value_or("nothing"), "world");
  co_await pair.close();
}

TEST_F(TlsStreamTest, ExchangesLines) { run_on_shard(exchange_lines, server(), client()); }

Task<void> handshake_with(Shard& shard, TlsStream& server, OffloadPool& pool, Seen& seen) {
  seen.facts = co_await server.handshake(soon(shard), &pool);
}

Task<void> sign_in_a_pool(Shard& shard, std::shared_ptr<const ServerContext> context,
                          ClientRole role) {
  OffloadPool pool("test-signing", 1);
  Pair pair(shard, std::move(context), std::move(role));
  pair.scope.spawn(handshake_with(shard, *pair.server, pool, pair.server_seen));
  co_await run_handshake(*pair.client, pair.client_seen, soon(shard));
  co_await pair.scope.join();
  EXPECT_TRUE(pair.server_seen.facts);
  EXPECT_TRUE(pair.client_seen.facts);
  const auto sent = co_await send_text(*pair.client, "hello", soon(shard));
  EXPECT_TRUE(sent);
  const auto text = co_await read_bytes(*pair.server, 5, soon(shard));
  EXPECT_EQ(text.value_or("nothing"), "hello");
  co_await pair.close();
  pool.stop();
}

TEST_F(TlsStreamTest, SignsWithRsaInAPool) {
  const auto rsa = server_with({certificates_.load("rsa:2048", "DNS:mail.example.com")});
  run_on_shard(sign_in_a_pool, rsa, client());
}

Task<void> cancel_while_signing(Shard& shard, std::shared_ptr<const ServerContext> context,
                                ClientRole role) {
  OffloadPool pool("test-signing", 1);
  Pair pair(shard, std::move(context), std::move(role));
  pair.scope.spawn(handshake_with(shard, *pair.server, pool, pair.server_seen));
  TaskScope client(shard.run_queue());
  client.spawn(run_handshake(*pair.client, pair.client_seen, soon(shard)));
  for (int turn = 0; turn < 10; ++turn) co_await yield(shard);
  pair.scope.cancel();
  client.cancel();
  co_await pair.scope.join();
  co_await client.join();
  co_await pair.close();
  pool.stop();
}

TEST_F(TlsStreamTest, MayBeCancelledWhileItSigns) {
  const auto rsa = server_with({certificates_.load("rsa:2048", "DNS:mail.example.com")});
  run_on_shard(cancel_while_signing, rsa, client());
}

Task<void> close_in_order(Shard& shard, std::shared_ptr<const ServerContext> context,
                          ClientRole role) {
  Pair pair(shard, std::move(context), std::move(role));
  co_await pair.connect(shard);
  const auto sent = co_await send_text(*pair.client, "last words", soon(shard));
  EXPECT_TRUE(sent);
  co_await pair.client->close();
  const auto text = co_await read_bytes(*pair.server, 10, soon(shard));
  EXPECT_EQ(text.value_or("nothing"), "last words");
  const auto end = co_await pair.server->fill(soon(shard));
  EXPECT_EQ(code_of(end), ErrorCode::end_of_stream);
  co_await pair.server->close();
}

TEST_F(TlsStreamTest, AnOrderlyCloseIsTheEndOfTheStream) {
  run_on_shard(close_in_order, server(), client());
}

// Both ways at once, more than all buffers hold.
constexpr std::size_t kBulkBytes = 8'000'000;

Task<void> send_much(Stream& stream, char letter, Seen& seen, Deadline deadline) {
  seen.result = co_await send_text(stream, std::string(kBulkBytes, letter), deadline);
  seen.is_over = true;
}

Task<void> read_much(Stream& stream, char letter, Seen& seen, Deadline deadline) {
  std::size_t left = kBulkBytes;
  while (left > 0) {
    auto filled = co_await stream.fill(deadline);
    EXPECT_TRUE(filled) << filled.error().sentence();
    if (!filled) co_return;
    const std::string_view text = stream.received();
    EXPECT_LE(text.size(), kReceivedBytesMax);
    EXPECT_EQ(text.find_first_not_of(letter), std::string_view::npos);
    left -= text.size();
    stream.consume(text.size());
  }
  seen.is_over = true;
}

Task<void> bulk_both_ways(Shard& shard, std::shared_ptr<const ServerContext> context,
                          ClientRole role) {
  Pair pair(shard, std::move(context), std::move(role));
  co_await pair.connect(shard);
  TaskScope scope(shard.run_queue());
  Seen seen[4];
  scope.spawn(send_much(*pair.client, 'c', seen[0], soon(shard)));
  scope.spawn(send_much(*pair.server, 's', seen[1], soon(shard)));
  scope.spawn(read_much(*pair.client, 's', seen[2], soon(shard)));
  scope.spawn(read_much(*pair.server, 'c', seen[3], soon(shard)));
  co_await scope.join();
  for (const Seen& each : seen) EXPECT_TRUE(each.is_over);
  EXPECT_TRUE(seen[0].result);
  EXPECT_TRUE(seen[1].result);
  co_await pair.close();
}

TEST_F(TlsStreamTest, CarriesMuchBothWaysAtOnce) {
  run_on_shard(bulk_both_ways, server(), client());
}

Task<void> read_truncated(Shard& shard, std::shared_ptr<const ServerContext> context,
                          ClientRole role) {
  const SocketPair sockets = connected_pair();
  TlsStream stream(shard, adopt_socket(shard, sockets.first, Direction::incoming),
                   std::move(context));
  // A client whose connection is cut between two of its messages: an Engine on a descriptor.
  Engine client(std::move(role));
  TaskScope scope(shard.run_queue());
  Seen seen;
  scope.spawn(run_handshake(stream, seen, soon(shard)));
  std::string received;
  while (!client.is_established()) {
    const auto taken = client.feed(received);
    EXPECT_TRUE(taken);
    if (!taken) break;
    received.erase(0, *taken);
    if (client.has_output()) write_all(sockets.second, client.take_output());
    co_await yield(shard);
    std::array<char, 8192> room;
    const ssize_t got = recv(sockets.second, room.data(), room.size(), MSG_DONTWAIT);
    if (got > 0) received.append(room.data(), static_cast<std::size_t>(got));
  }
  co_await scope.join();
  shutdown(sockets.second, SHUT_WR);
  const auto end = co_await stream.fill(soon(shard));
  EXPECT_EQ(code_of(end), ErrorCode::connection_lost);
  EXPECT_THAT(end.error().sentence(), HasSubstr("without ending TLS"));
  co_await stream.close();
  close(sockets.second);
}

TEST_F(TlsStreamTest, ATruncatedConnectionIsLost) {
  run_on_shard(read_truncated, server(), client());
}

Task<void> greet_with_text(Shard& shard, std::shared_ptr<const ServerContext> context) {
  Half half(shard, std::move(context));
  write_all(half.peer, "EHLO client.example\r\n");
  const auto facts = co_await half.stream->handshake(soon(shard));
  EXPECT_EQ(code_of(facts), ErrorCode::syntax);
  EXPECT_THAT(facts.error().sentence(), HasSubstr("plain text"));
  co_await half.stream->close();
  close(half.peer);
}

TEST_F(TlsStreamTest, RefusesPlainText) { run_on_shard(greet_with_text, server()); }

Task<void> stall(Shard& shard, std::shared_ptr<const ServerContext> context) {
  Half half(shard, std::move(context));
  write_all(half.peer, "\x16\x03\x01");
  const auto deadline = Deadline::in(shard.clock(), milliseconds(30));
  const auto facts = co_await half.stream->handshake(deadline);
  EXPECT_EQ(code_of(facts), ErrorCode::timed_out);
  co_await half.stream->close();
  close(half.peer);
}

TEST_F(TlsStreamTest, APeerThatStallsIsTimedOut) { run_on_shard(stall, server()); }

Task<void> drip(Shard& shard, int peer, const bool& is_over) {
  // The header of a record, then a ClientHello that never ends.
  write_all(peer, std::string_view("\x16\x03\x01\x3f\xff\x01\x00\x3f\x00", 9));
  while (!is_over) {
    write_all(peer, "x");
    const auto deadline = Deadline::in(shard.clock(), milliseconds(2));
    const auto slept = co_await sleep_until(shard, deadline);
    if (!slept) break;
  }
}

Task<void> be_dripped_at(Shard& shard, std::shared_ptr<const ServerContext> context) {
  Half half(shard, std::move(context));
  TaskScope scope(shard.run_queue());
  bool is_over = false;
  scope.spawn(drip(shard, half.peer, is_over));
  const auto deadline = Deadline::in(shard.clock(), milliseconds(50));
  const auto facts = co_await half.stream->handshake(deadline);
  EXPECT_EQ(code_of(facts), ErrorCode::timed_out);
  is_over = true;
  co_await scope.join();
  co_await half.stream->close();
  close(half.peer);
}

TEST_F(TlsStreamTest, APeerThatDripsIsTimedOut) { run_on_shard(be_dripped_at, server()); }

Task<void> reset_early(Shard& shard, std::shared_ptr<const ServerContext> context) {
  for (const std::string_view begun :
       {"", "\x16", "\x16\x03\x01\x02", "\x16\x03\x01\x02\x01\x01"}) {
    for (const bool is_reset : {false, true}) {
      Half half(shard, context);
      if (!begun.empty()) write_all(half.peer, begun);
      const linger none{.l_onoff = 1, .l_linger = 0};
      if (is_reset) setsockopt(half.peer, SOL_SOCKET, SO_LINGER, &none, sizeof none);
      close(half.peer);
      const auto facts = co_await half.stream->handshake(soon(shard));
      EXPECT_EQ(code_of(facts), ErrorCode::connection_lost);
      co_await half.stream->close();
    }
  }
}

TEST_F(TlsStreamTest, APeerThatLeavesInTheHandshakeIsLost) { run_on_shard(reset_early, server()); }

Task<void> wait_for_bytes(Stream& stream, Seen& seen, Deadline deadline) {
  seen.result = co_await stream.fill(deadline);
  seen.is_over = true;
}

Task<void> close_while_used(Shard& shard, std::shared_ptr<const ServerContext> context,
                            ClientRole role) {
  Pair pair(shard, std::move(context), std::move(role));
  co_await pair.connect(shard);
  TaskScope scope(shard.run_queue());
  Seen reader;
  Seen writer;
  scope.spawn(wait_for_bytes(*pair.server, reader, soon(shard)));
  scope.spawn(send_much(*pair.server, 'x', writer, soon(shard)));
  for (int turn = 0; turn < 20; ++turn) co_await yield(shard);
  EXPECT_FALSE(reader.is_over);
  EXPECT_FALSE(writer.is_over);
  co_await pair.server->close();
  EXPECT_TRUE(reader.is_over);
  EXPECT_TRUE(writer.is_over);
  EXPECT_EQ(code_of(reader.result), ErrorCode::cancelled);
  EXPECT_EQ(code_of(writer.result), ErrorCode::cancelled);
  pair.server.reset();
  co_await scope.join();
  co_await pair.client->close();
}

TEST_F(TlsStreamTest, CloseEndsWhatIsPending) {
  run_on_shard(close_while_used, server(), client());
}

Task<void> close_in_handshake(Shard& shard, std::shared_ptr<const ServerContext> context) {
  Half half(shard, std::move(context));
  TaskScope scope(shard.run_queue());
  Seen seen;
  scope.spawn(run_handshake(*half.stream, seen, soon(shard)));
  co_await yield(shard);
  co_await half.stream->close();
  EXPECT_TRUE(seen.is_over);
  EXPECT_EQ(code_of(seen.facts), ErrorCode::cancelled);
  co_await scope.join();
  close(half.peer);
}

TEST_F(TlsStreamTest, CloseEndsAHandshake) { run_on_shard(close_in_handshake, server()); }

Task<void> fill_up(Shard& shard, std::shared_ptr<const ServerContext> context, ClientRole role) {
  Pair pair(shard, std::move(context), std::move(role));
  co_await pair.connect(shard);
  Seen writer;
  pair.scope.spawn(send_much(*pair.client, 'x', writer, soon(shard)));
  Result<void> filled;
  while (filled) filled = co_await pair.server->fill(soon(shard));
  EXPECT_EQ(filled.error().code(), ErrorCode::limit_exceeded);
  EXPECT_EQ(pair.server->received().size(), kReceivedBytesMax);
  co_await pair.close();
}

TEST_F(TlsStreamTest, HoldsNoMoreThanItsBound) { run_on_shard(fill_up, server(), client()); }

Task<void> send_to_the_deaf(Shard& shard, std::shared_ptr<const ServerContext> context,
                            ClientRole role) {
  Pair pair(shard, std::move(context), std::move(role));
  co_await pair.connect(shard);
  std::string text(kBulkBytes, 'x');
  const auto deadline = Deadline::in(shard.clock(), milliseconds(50));
  const auto sent = co_await send_text(*pair.server, std::move(text), deadline);
  EXPECT_EQ(code_of(sent), ErrorCode::timed_out);
  const auto again = co_await send_text(*pair.server, "more", soon(shard));
  EXPECT_EQ(code_of(again), ErrorCode::connection_lost);
  co_await pair.close();
}

TEST_F(TlsStreamTest, APeerThatTakesNothingIsTimedOut) {
  run_on_shard(send_to_the_deaf, server(), client());
}

}  // namespace
}  // namespace sluice::tls
