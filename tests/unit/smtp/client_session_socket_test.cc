// The session over real sockets on loopback: what is pending in the kernel when it ends is awaited.
#include <gtest/gtest.h>

#include "core/socket.h"
#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/smtp/client_session_fixture.h"

namespace sluice::smtp {
namespace {

class ClientSessionSocket : public ClientSessionTest {
 protected:
  ClientSessionSocket() {
    const SocketPair pair = connected_pair();
    serving_ = adopt_socket(*shard_, pair.second, Direction::incoming);
    auto connected = adopt_socket(*shard_, pair.first, Direction::outgoing);
    session_ = std::make_unique<ClientSession>(*shard_, settings_, std::move(connected));
    session_->on_finished([this] { changed_.notify_all(); });
  }

  void end_both() {
    session_.reset();
    serving_.reset();
  }

  Deadline liveness() const { return Deadline::in(shard_->clock(), std::chrono::seconds(30)); }

  // The server's side, until it closes or the client does.
  static Task<void> serve(ClientSessionSocket& test) {
    Stream& stream = *test.serving_;
    std::string answers = test.server_.greeting;
    while (true) {
      const std::string_view pieces[] = {answers};
      auto sent = co_await stream.send(pieces, test.liveness());
      if (!sent || test.server_.is_closed) break;
      auto filled = co_await stream.fill(test.liveness());
      if (!filled) break;
      answers = test.server_.receive(stream.received());
      stream.consume(stream.received().size());
    }
    co_await stream.close();
  }

  // Answers the greeting and EHLO, then neither reads nor says anything.
  static Task<void> serve_hello(ClientSessionSocket& test) {
    Stream& stream = *test.serving_;
    const std::string_view pieces[] = {"220 mx.test\r\n"};
    auto greeted = co_await stream.send(pieces, test.liveness());
    auto filled = co_await stream.fill(test.liveness());
    EXPECT_TRUE(greeted && filled);
    const std::string_view hello[] = {"250-mx.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n"};
    auto said = co_await stream.send(hello, test.liveness());
    EXPECT_TRUE(said);
  }

  static Task<void> deliver(ClientSessionSocket& test) {
    TaskScope serving(test.shard_->run_queue());
    serving.spawn(serve(test));
    co_await send_all(test);
    co_await serving.join();
  }

  static Task<void> close_while_sending(ClientSessionSocket& test) {
    TaskScope tasks(test.shard_->run_queue());
    tasks.spawn(serve_hello(test));
    co_await open(test);
    tasks.spawn(send_one(test, 0));
    for (int turn = 0; turn < 10; ++turn) co_await yield(*test.shard_);
    co_await close(test);
    co_await tasks.join();
    co_await test.serving_->close();
  }

  std::unique_ptr<Stream> serving_;
};

TEST_F(ClientSessionSocket, DeliversOverLoopback) {
  add_numbered(20);
  std::string large;
  while (large.size() < 900'000) large += "0123456789\r\n.\r\n";
  add("s@a.test", {"r@b.test"}, large).body->split(100'000);
  shard_->run(deliver(*this));
  ASSERT_EQ(server_.messages.size(), 21U);
  EXPECT_TRUE(server_.messages[20].body == large);
  EXPECT_EQ(server_.lines.back(), "QUIT");
  end_both();
  EXPECT_EQ(open_sockets(*shard_), 0U);
}

// More than the sockets hold: the kernel still owns the body when close() is asked.
TEST_F(ClientSessionSocket, LetsGoOfABodyOnlyWhenTheKernelDid) {
  add("s@a.test", {"r@b.test"}, std::string(20'000'000, 'x'));
  results_.resize(1);
  shard_->run(close_while_sending(*this));
  EXPECT_EQ(end(0), TransactionEnd::ambiguous);
  end_both();
  EXPECT_EQ(open_sockets(*shard_), 0U);
}

}  // namespace
}  // namespace sluice::smtp
