#include "core/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "core/random.h"
#include "tests/unit/core/shard_fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

ErrorCode code_of(const Result<void>& result) {
  EXPECT_FALSE(result.has_value());
  return result.has_value() ? ErrorCode::system : result.error().code();
}

// A stream of the shard whose other end the test holds as a plain descriptor.
struct Half {
  std::unique_ptr<Stream> stream;
  int peer;
};

Half open_half(Shard& shard, Direction direction = Direction::incoming) {
  const SocketPair pair = connected_pair();
  return {adopt_socket(shard, pair.first, direction), pair.second};
}

Task<void> echo(std::unique_ptr<Stream> stream, Deadline deadline) {
  while (true) {
    const auto filled = co_await stream->fill(deadline);
    if (!filled) break;
    const std::string_view piece = stream->received();
    const std::span<const std::string_view> pieces(&piece, 1);
    const auto sent = co_await stream->send(pieces, deadline);
    if (!sent) break;
    stream->consume(piece.size());
  }
  co_await stream->close();
}

Task<void> exchange_a_line(Shard& shard) {
  const SocketPair pair = connected_pair();
  TaskScope scope(shard.run_queue());
  scope.spawn(echo(adopt_socket(shard, pair.first, Direction::incoming), soon(shard)));
  const auto stream = adopt_socket(shard, pair.second, Direction::outgoing);
  EXPECT_EQ(open_sockets(shard), 2u);
  const auto sent = co_await send_text(*stream, "hello", soon(shard));
  EXPECT_TRUE(sent);
  const auto answer = co_await read_bytes(*stream, 5, soon(shard));
  EXPECT_EQ(answer.value_or("nothing"), "hello");
  co_await stream->close();
  co_await scope.join();
}

TEST(Socket, EchoesALine) { run_on_shard(exchange_a_line); }

Task<void> read_half_closed(Shard& shard) {
  const Half half = open_half(shard);
  write_all(half.peer, "last words");
  shutdown(half.peer, SHUT_WR);
  const auto text = co_await read_bytes(*half.stream, 10, soon(shard));
  EXPECT_EQ(text.value_or("nothing"), "last words");
  const auto end = co_await half.stream->fill(soon(shard));
  EXPECT_EQ(code_of(end), ErrorCode::end_of_stream);
  const auto again = co_await half.stream->fill(soon(shard));
  EXPECT_EQ(code_of(again), ErrorCode::end_of_stream);
  // The other direction is still open.
  const auto sent = co_await send_text(*half.stream, "bye", soon(shard));
  EXPECT_TRUE(sent);
  std::array<char, 8> answer{};
  EXPECT_EQ(recv(half.peer, answer.data(), answer.size(), 0), 3);
  co_await half.stream->close();
  close(half.peer);
}

TEST(Socket, GivesEverythingBeforeTheEndOfTheStream) { run_on_shard(read_half_closed); }

void reset(int descriptor) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  close(descriptor);
}

Task<void> read_reset(Shard& shard) {
  const Half half = open_half(shard);
  reset(half.peer);
  const auto end = co_await half.stream->fill(soon(shard));
  EXPECT_EQ(code_of(end), ErrorCode::connection_lost);
  const auto sent = co_await send_text(*half.stream, "hello?", soon(shard));
  EXPECT_EQ(code_of(sent), ErrorCode::connection_lost);
  co_await half.stream->close();
}

TEST(Socket, ReportsAResetAsConnectionLost) { run_on_shard(read_reset); }

Task<void> fill_too_long(Shard& shard) {
  const Half half = open_half(shard);
  const auto late = co_await half.stream->fill(Deadline::in(shard.clock(), milliseconds(3)));
  EXPECT_EQ(code_of(late), ErrorCode::timed_out);
  write_all(half.peer, "x");  // the stream works on
  const auto text = co_await read_bytes(*half.stream, 1, soon(shard));
  EXPECT_EQ(text.value_or("nothing"), "x");
  co_await half.stream->close();
  close(half.peer);
}

TEST(Socket, AFillTimesOutAndMayBeRepeated) { run_on_shard(fill_too_long); }

Task<void> send_to_a_wall(Shard& shard) {
  const Half half = open_half(shard);
  const auto sent = co_await send_text(*half.stream, std::string(64 << 20, 'x'),
                                       Deadline::in(shard.clock(), milliseconds(50)));
  EXPECT_EQ(code_of(sent), ErrorCode::timed_out);
  const auto again = co_await send_text(*half.stream, "after the cut", soon(shard));
  EXPECT_EQ(code_of(again), ErrorCode::connection_lost);
  co_await half.stream->close();
  close(half.peer);
}

TEST(Socket, ASendToAPeerThatTakesNothingTimesOut) { run_on_shard(send_to_a_wall); }

Task<void> take_slowly(Shard& shard, int peer, std::size_t& taken, std::size_t until) {
  std::vector<char> part(16 * 1024);
  while (taken < until) {
    const auto slept = co_await sleep_until(shard, Deadline::in(shard.clock(), milliseconds(5)));
    if (!slept) co_return;
    const ssize_t bytes = recv(peer, part.data(), part.size(), MSG_DONTWAIT);
    if (bytes > 0) taken += static_cast<std::size_t>(bytes);
  }
}

Task<void> send_slowly(Shard& shard) {
  const Half half = open_half(shard);
  const int small = 16 * 1024;
  setsockopt(half.peer, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  constexpr std::size_t kBytes = 8 << 20;
  constexpr Duration kPatience = milliseconds(500);
  std::size_t taken = 0;
  TaskScope scope(shard.run_queue());
  scope.spawn(take_slowly(shard, half.peer, taken, kBytes));
  const Instant start = shard.clock().now();
  const auto sent = co_await send_text(*half.stream, std::string(kBytes, 'x'),
                                       Deadline::in(shard.clock(), kPatience));
  EXPECT_TRUE(sent) << sent.error().sentence();
  EXPECT_GT(shard.clock().now() - start, kPatience);  // the deadline alone would have ended it
  co_await half.stream->close();
  co_await scope.join();
  close(half.peer);
}

TEST(Socket, ASendGoesOnPastItsDeadlineWhileThePeerTakesSome) { run_on_shard(send_slowly); }

Task<void> fill_into(Stream& stream, ErrorCode& code) {
  const auto filled = co_await stream.fill(Deadline::never());
  code = code_of(filled);
}

Task<void> send_into(Stream& stream, ErrorCode& code) {
  const auto sent = co_await send_text(stream, std::string(64 << 20, 'x'), Deadline::never());
  code = code_of(sent);
}

Task<void> cancel_both(Shard& shard) {
  const Half half = open_half(shard);
  ErrorCode reader = ErrorCode::system;
  ErrorCode writer = ErrorCode::system;
  TaskScope scope(shard.run_queue());
  scope.spawn(fill_into(*half.stream, reader));
  scope.spawn(send_into(*half.stream, writer));
  for (int i = 0; i < 3; ++i) co_await yield(shard);
  co_await scope.close();
  EXPECT_EQ(reader, ErrorCode::cancelled);
  EXPECT_EQ(writer, ErrorCode::cancelled);
  co_await half.stream->close();
  close(half.peer);
}

TEST(Socket, CancelsAPendingReaderAndWriter) { run_on_shard(cancel_both); }

Task<void> close_under_both(Shard& shard) {
  Half half = open_half(shard);
  ErrorCode reader = ErrorCode::system;
  ErrorCode writer = ErrorCode::system;
  TaskScope scope(shard.run_queue());
  scope.spawn(fill_into(*half.stream, reader));
  scope.spawn(send_into(*half.stream, writer));
  for (int i = 0; i < 3; ++i) co_await yield(shard);
  co_await half.stream->close();
  half.stream.reset();
  EXPECT_EQ(reader, ErrorCode::cancelled);
  EXPECT_EQ(writer, ErrorCode::cancelled);
  EXPECT_EQ(scope.size(), 0u);
  co_await scope.join();
  close(half.peer);
}

TEST(Socket, CloseEndsAPendingReaderAndWriterFirst) { run_on_shard(close_under_both); }

Task<void> close_before_submitted(Shard& shard) {
  const Half half = open_half(shard);
  ErrorCode reader = ErrorCode::system;
  TaskScope scope(shard.run_queue());
  scope.spawn(fill_into(*half.stream, reader));
  co_await half.stream->close();  // in the same turn: the kernel has not seen the receive yet
  EXPECT_EQ(reader, ErrorCode::cancelled);
  co_await scope.join();
  close(half.peer);
}

TEST(Socket, CloseMayFollowAtOnce) { run_on_shard(close_before_submitted); }

Task<void> read_while_cancelled(Stream& stream, Result<void>& result) {
  result = co_await stream.fill(Deadline::never());
}

Task<void> cancel_with_data(Shard& shard) {
  const Half half = open_half(shard);
  write_all(half.peer, "first");
  auto filled = co_await half.stream->fill(soon(shard));
  EXPECT_TRUE(filled);
  write_all(half.peer, "second");
  co_await sleep_until(shard, Deadline::in(shard.clock(), milliseconds(1)));
  TaskScope scope(shard.run_queue());
  scope.cancel();
  scope.spawn(read_while_cancelled(*half.stream, filled));
  co_await scope.join();
  EXPECT_EQ(code_of(filled), ErrorCode::cancelled);
  co_await half.stream->close();
  close(half.peer);
}

TEST(Socket, ACancelledTaskReadsNoMoreEvenIfThereIsData) { run_on_shard(cancel_with_data); }

Task<void> hold_a_view(Shard& shard) {
  const Half half = open_half(shard);
  write_all(half.peer, "command");
  const auto filled = co_await half.stream->fill(soon(shard));
  EXPECT_TRUE(filled);
  const std::string_view view = half.stream->received();
  for (int i = 0; i < 5; ++i) {
    write_all(half.peer, std::string(10'000, 'x'));
    co_await sleep_until(shard, Deadline::in(shard.clock(), milliseconds(1)));
  }
  EXPECT_EQ(view, "command");
  EXPECT_EQ(half.stream->received(), "command");
  half.stream->consume(7);
  const auto rest = co_await read_bytes(*half.stream, 50'000, soon(shard));
  EXPECT_EQ(rest.value_or(""), std::string(50'000, 'x'));
  co_await half.stream->close();
  close(half.peer);
}

TEST(Socket, AViewStaysValidUntilTheNextFill) { run_on_shard(hold_a_view); }

std::string pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>((i * 31 + i / 257) % 251);
  return text;
}

Task<void> send_and_ignore(Stream& stream, std::string text, Deadline deadline) {
  const auto sent = co_await send_text(stream, std::move(text), deadline);
  EXPECT_TRUE(sent);
}

Task<void> consume_nothing(Shard& shard) {
  const SocketPair pair = connected_pair();
  const auto stream = adopt_socket(shard, pair.first, Direction::incoming);
  const auto sender = adopt_socket(shard, pair.second, Direction::outgoing);
  const std::string text = pattern(1 << 20);
  TaskScope scope(shard.run_queue());
  scope.spawn(send_and_ignore(*sender, text, soon(shard)));
  Result<void> filled;
  while (filled) {
    EXPECT_LE(stream->received().size(), kReceivedBytesMax);
    filled = co_await stream->fill(soon(shard));
  }
  EXPECT_EQ(code_of(filled), ErrorCode::limit_exceeded);
  EXPECT_EQ(stream->received(), std::string_view(text).substr(0, kReceivedBytesMax));
  const auto all = co_await read_bytes(*stream, text.size(), soon(shard));
  EXPECT_TRUE(all.has_value() && *all == text);
  co_await scope.join();
  co_await stream->close();
  co_await sender->close();
}

TEST(Socket, HoldsBackAPeerWhoseBytesNobodyConsumes) { run_on_shard(consume_nothing); }

Task<void> read_in_naps(Shard& shard) {
  const SocketPair pair = connected_pair();
  const auto stream = adopt_socket(shard, pair.first, Direction::incoming);
  const auto sender = adopt_socket(shard, pair.second, Direction::outgoing);
  const std::string text = pattern(4 << 20);
  TaskScope scope(shard.run_queue());
  scope.spawn(send_and_ignore(*sender, text, soon(shard)));
  std::string got;
  while (got.size() < text.size()) {
    const auto filled = co_await stream->fill(soon(shard));
    if (!filled) break;
    for (int i = 0; i < 3; ++i) co_await yield(shard);
    got += stream->received();
    stream->consume(stream->received().size());
  }
  EXPECT_TRUE(got == text);
  co_await scope.join();
  co_await stream->close();
  co_await sender->close();
}

TEST(Socket, AReaderThatTakesItsTimeGetsEverything) { run_on_shard(read_in_naps); }

// Sends the text in random pieces, gathered in random numbers.
Task<void> send_split(Stream& stream, std::string text, std::uint64_t seed, Deadline deadline) {
  Random random(seed);
  std::string_view rest = text;
  while (!rest.empty()) {
    std::vector<std::string_view> pieces(1 + random.below(200));
    for (std::string_view& piece : pieces) {
      const std::uint64_t bound = random.below(8) == 0 ? 400'000 : 3'000;
      piece = rest.substr(0, random.below(bound));
      rest.remove_prefix(piece.size());
    }
    const auto sent = co_await stream.send(pieces, deadline);
    EXPECT_TRUE(sent);
    if (!sent) co_return;
  }
}

Task<void> transfer(Shard& shard, std::uint64_t seed) {
  const SocketPair pair = connected_pair();
  const auto stream = adopt_socket(shard, pair.first, Direction::incoming);
  const auto sender = adopt_socket(shard, pair.second, Direction::outgoing);
  const std::string text = pattern(5'000'000);
  TaskScope scope(shard.run_queue());
  scope.spawn(send_split(*sender, text, seed, soon(shard)));
  Random random(seed + 1);
  std::string got;
  while (got.size() + stream->received().size() < text.size()) {
    const auto filled = co_await stream->fill(soon(shard));
    if (!filled && filled.error().code() != ErrorCode::limit_exceeded) break;
    const std::size_t bytes = random.below(stream->received().size() + 1);
    got += stream->received().substr(0, bytes);
    stream->consume(bytes);
  }
  got += stream->received();
  EXPECT_TRUE(got == text);
  co_await scope.join();
  co_await stream->close();
  co_await sender->close();
}

TEST(Socket, TransfersFiveMegabytesHoweverTheyAreSplit) {
  const std::uint64_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  run_on_shard(transfer, seed);
}

struct Connections {
  std::deque<std::unique_ptr<Stream>> incoming;
  std::deque<std::unique_ptr<Stream>> outgoing;
};

Connections open_connections(Shard& shard, std::size_t count) {
  Connections connections;
  const auto listening = ListenSocket::bind_tcp(loopback());
  for (std::size_t i = 0; i < count; ++i) {
    const SocketPair pair = connected_pair(*listening);
    connections.incoming.push_back(adopt_socket(shard, pair.second, Direction::incoming));
    connections.outgoing.push_back(adopt_socket(shard, pair.first, Direction::outgoing));
  }
  return connections;
}

Task<void> expect_text(Stream& stream, std::string text, Deadline deadline) {
  const auto got = co_await read_bytes(stream, text.size(), deadline);
  EXPECT_TRUE(got.has_value() && *got == text);
}

Task<void> close_all(std::deque<std::unique_ptr<Stream>>& streams) {
  for (const auto& stream : streams) co_await stream->close();
}

// Every connection sends a text of its own both ways at once.
Task<void> use_all(Shard& shard, std::size_t count, std::size_t bytes) {
  Connections connections = open_connections(shard, count);
  EXPECT_EQ(open_sockets(shard), 2 * count);
  TaskScope scope(shard.run_queue());
  for (std::size_t i = 0; i < count; ++i) {
    std::string text(bytes, static_cast<char>('a' + i % 26));
    text += std::to_string(i) + ".";
    scope.spawn(send_and_ignore(*connections.incoming[i], text, soon(shard)));
    scope.spawn(send_and_ignore(*connections.outgoing[i], text, soon(shard)));
    scope.spawn(expect_text(*connections.incoming[i], text, soon(shard)));
    scope.spawn(expect_text(*connections.outgoing[i], text, soon(shard)));
  }
  co_await scope.join();
  co_await close_all(connections.incoming);
  co_await close_all(connections.outgoing);
}

TEST(Socket, StarvedReceivesGoOnInTurn) {
  const auto shard = open_shard(
      RingSettings{.incoming_buffers = 2, .outgoing_buffers = 1, .buffer_bytes = kibibytes(4)});
  shard->run(use_all(*shard, 200, 40'000));
  EXPECT_GT(shard->ring().starved_receives(), 0u);
  EXPECT_EQ(shard->ring().armed(), 0u);
  EXPECT_EQ(open_sockets(*shard), 0u);
}

Task<void> fill_and_note(Stream& stream, std::size_t& filled, std::size_t& cancelled) {
  const auto result = co_await stream.fill(Deadline::never());
  if (result) {
    ++filled;
  } else {
    EXPECT_EQ(result.error().code(), ErrorCode::cancelled);
    ++cancelled;
  }
}

// Cancelling receives that wait for a buffer must end them too.
Task<void> close_starved(Shard& shard, std::size_t& cancelled) {
  constexpr std::size_t kCount = 100;
  Connections connections = open_connections(shard, kCount);
  TaskScope scope(shard.run_queue());
  for (const auto& stream : connections.outgoing) {
    scope.spawn(send_and_ignore(*stream, std::string(20'000, 'x'), soon(shard)));
  }
  co_await scope.join();
  std::size_t filled = 0;
  for (const auto& stream : connections.incoming) {
    scope.spawn(fill_and_note(*stream, filled, cancelled));
  }
  co_await yield(shard);
  // Those that would get a buffer last are closed first.
  std::ranges::reverse(connections.incoming);
  co_await close_all(connections.incoming);
  co_await scope.join();
  EXPECT_EQ(filled + cancelled, kCount);
  co_await close_all(connections.outgoing);
}

TEST(Socket, StarvedReceivesCanBeCancelled) {
  const auto shard = open_shard(
      RingSettings{.incoming_buffers = 1, .outgoing_buffers = 1, .buffer_bytes = kibibytes(4)});
  std::size_t cancelled = 0;
  shard->run(close_starved(*shard, cancelled));
  EXPECT_GT(cancelled, 0u);
  EXPECT_GT(shard->ring().starved_receives(), 0u);
  EXPECT_EQ(shard->ring().armed(), 0u);
}

TEST(Socket, ServesThousandsOfConnections) {
  run_on_shard(use_all, std::size_t{3'000}, std::size_t{100});
}

Task<void> connect_and_talk(Shard& shard) {
  auto listening = ListenSocket::bind_tcp(loopback());
  const IpAddress local = *IpAddress::parse("127.0.0.2");
  auto stream = co_await connect_tcp(shard, listening->endpoint(), &local, soon(shard));
  EXPECT_TRUE(stream.has_value()) << stream.error().sentence();
  const int peer = accept(listening->descriptor(), nullptr, nullptr);
  EXPECT_EQ(peer_of(peer)->address, local);
  write_all(peer, "220");
  const auto greeting = co_await read_bytes(**stream, 3, soon(shard));
  EXPECT_EQ(greeting.value_or("nothing"), "220");
  co_await (*stream)->close();
  close(peer);
}

TEST(Connect, OpensAStreamFromTheSourceAddress) { run_on_shard(connect_and_talk); }

Task<void> connect_to_nobody(Shard& shard) {
  Endpoint endpoint = loopback();
  {
    endpoint = ListenSocket::bind_tcp(loopback())->endpoint();
  }  // closed again
  const auto stream = co_await connect_tcp(shard, endpoint, nullptr, soon(shard));
  EXPECT_FALSE(stream.has_value());
  if (stream) co_return;
  EXPECT_EQ(stream.error().code(), ErrorCode::refused);
  EXPECT_NE(stream.error().sentence().find(endpoint.to_string()), std::string::npos);
}

TEST(Connect, IsRefusedWhereNobodyListens) { run_on_shard(connect_to_nobody); }

// A listening socket whose queue is full: further attempts are left without an answer.
class SilentListener {
 public:
  SilentListener() : listening_(*ListenSocket::bind_tcp(loopback())) {
    listen(listening_.descriptor(), 0);
    sockaddr_storage address{};
    const socklen_t length = listening_.endpoint().to_sockaddr(address);
    for (int& descriptor : waiting_) {
      descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      connect(descriptor, reinterpret_cast<const sockaddr*>(&address), length);
    }
  }
  ~SilentListener() {
    for (const int descriptor : waiting_) close(descriptor);
  }
  Endpoint endpoint() const { return listening_.endpoint(); }

 private:
  ListenSocket listening_;
  std::array<int, 4> waiting_{};
};

Task<void> connect_too_long(Shard& shard, Endpoint endpoint) {
  const Deadline deadline = Deadline::in(shard.clock(), milliseconds(5));
  const auto stream = co_await connect_tcp(shard, endpoint, nullptr, deadline);
  EXPECT_FALSE(stream.has_value());
  if (!stream) EXPECT_EQ(stream.error().code(), ErrorCode::timed_out);
}

TEST(Connect, TimesOutWhenNobodyAnswers) {
  const SilentListener listener;
  run_on_shard(connect_too_long, listener.endpoint());
}

Task<void> connect_into(Shard& shard, Endpoint endpoint, ErrorCode& code) {
  const auto stream = co_await connect_tcp(shard, endpoint, nullptr, Deadline::never());
  EXPECT_FALSE(stream.has_value());
  if (!stream) code = stream.error().code();
}

Task<void> cancel_connect(Shard& shard, Endpoint endpoint) {
  ErrorCode code = ErrorCode::system;
  TaskScope scope(shard.run_queue());
  scope.spawn(connect_into(shard, endpoint, code));
  for (int i = 0; i < 3; ++i) co_await yield(shard);
  EXPECT_EQ(scope.size(), 1u);
  co_await scope.close();
  EXPECT_EQ(code, ErrorCode::cancelled);
}

TEST(Connect, CanBeCancelled) {
  const SilentListener listener;
  run_on_shard(cancel_connect, listener.endpoint());
}

}  // namespace
}  // namespace sluice
