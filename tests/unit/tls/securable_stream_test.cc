#include "tls/securable_stream.h"

#include <string>

#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/tls/test_certificates.h"

namespace sluice::tls {
namespace {

class SecurableStreamTest : public testing::Test {
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

struct Ends {
  explicit Ends(Shard& shard) : Ends(shard, connected_pair()) {}
  Ends(Shard& shard, const SocketPair& sockets)
      : server(shard, adopt_socket(shard, sockets.first, Direction::incoming)),
        client(shard, adopt_socket(shard, sockets.second, Direction::outgoing)) {}
  SecurableStream server;
  SecurableStream client;
};

// A server's part of STARTTLS: reads the command, drops what is behind it, answers, secures.
Task<void> answer_starttls(Shard& shard, SecurableStream& stream,
                           std::shared_ptr<const ServerContext> context) {
  const auto command = co_await read_bytes(stream, 10, soon(shard));
  EXPECT_EQ(command.value_or("nothing"), "STARTTLS\r\n");
  stream.discard_received();
  EXPECT_EQ(stream.received(), "");
  const auto sent = co_await send_text(stream, "220 go\r\n", soon(shard));
  EXPECT_TRUE(sent);
  EXPECT_FALSE(stream.is_secured());
  const auto facts = co_await stream.secure(std::move(context), soon(shard));
  EXPECT_TRUE(facts) << facts.error().sentence();
  EXPECT_TRUE(stream.is_secured());
  EXPECT_EQ(stream.received(), "");
  const auto line = co_await read_bytes(stream, 6, soon(shard));
  EXPECT_EQ(line.value_or("nothing"), "EHLO\r\n");
}

Task<void> start_tls(Shard& shard, std::shared_ptr<const ServerContext> context, ClientRole role,
                     std::string_view injected) {
  Ends ends(shard);
  TaskScope scope(shard.run_queue());
  scope.spawn(answer_starttls(shard, ends.server, std::move(context)));
  std::string command = "STARTTLS\r\n";
  command += injected;
  const auto sent = co_await send_text(ends.client, std::move(command), soon(shard));
  EXPECT_TRUE(sent);
  const auto reply = co_await read_bytes(ends.client, 8, soon(shard));
  EXPECT_EQ(reply.value_or("nothing"), "220 go\r\n");
  const auto facts = co_await ends.client.secure(std::move(role), soon(shard));
  EXPECT_TRUE(facts);
  const auto greeted = co_await send_text(ends.client, "EHLO\r\n", soon(shard));
  EXPECT_TRUE(greeted);
  co_await scope.join();
  co_await ends.client.close();
  co_await ends.server.close();
}

TEST_F(SecurableStreamTest, BecomesTls) { run_on_shard(start_tls, server(), client(), ""); }

TEST_F(SecurableStreamTest, DropsWhatWasSaidInClearBehindStartTls) {
  run_on_shard(start_tls, server(), client(), "MAIL FROM:<attacker@example.com>\r\n");
}

// Clear text that comes only after received() was dropped is refused, not executed.
Task<void> inject_late(Shard& shard, std::shared_ptr<const ServerContext> context) {
  const SocketPair sockets = connected_pair();
  SecurableStream stream(shard, adopt_socket(shard, sockets.first, Direction::incoming));
  write_all(sockets.second, "STARTTLS\r\n");
  const auto command = co_await read_bytes(stream, 10, soon(shard));
  EXPECT_TRUE(command);
  stream.discard_received();
  write_all(sockets.second, "MAIL FROM:<attacker@example.com>\r\n");
  const auto facts = co_await stream.secure(std::move(context), soon(shard));
  EXPECT_FALSE(facts);
  EXPECT_EQ(stream.received(), "");
  co_await stream.close();
  close(sockets.second);
}

TEST_F(SecurableStreamTest, RefusesClearTextThatComesLater) { run_on_shard(inject_late, server()); }

// Implicit TLS: secured before the first word.
Task<void> secure_at_once(Shard& shard, SecurableStream& stream,
                          std::shared_ptr<const ServerContext> context) {
  const auto facts = co_await stream.secure(std::move(context), soon(shard));
  EXPECT_TRUE(facts);
  const auto sent = co_await send_text(stream, "220 hello\r\n", soon(shard));
  EXPECT_TRUE(sent);
}

Task<void> implicit_tls(Shard& shard, std::shared_ptr<const ServerContext> context,
                        ClientRole role) {
  Ends ends(shard);
  TaskScope scope(shard.run_queue());
  scope.spawn(secure_at_once(shard, ends.server, std::move(context)));
  const auto facts = co_await ends.client.secure(std::move(role), soon(shard));
  EXPECT_TRUE(facts);
  const auto greeting = co_await read_bytes(ends.client, 11, soon(shard));
  EXPECT_EQ(greeting.value_or("nothing"), "220 hello\r\n");
  co_await scope.join();
  co_await ends.client.close();
  co_await ends.server.close();
}

TEST_F(SecurableStreamTest, ServesImplicitTls) { run_on_shard(implicit_tls, server(), client()); }

Task<void> stay_clear(Shard& shard) {
  Ends ends(shard);
  const auto sent = co_await send_text(ends.client, "hello", soon(shard));
  EXPECT_TRUE(sent);
  const auto text = co_await read_bytes(ends.server, 5, soon(shard));
  EXPECT_EQ(text.value_or("nothing"), "hello");
  co_await ends.client.close();
  const auto end = co_await ends.server.fill(soon(shard));
  EXPECT_FALSE(end);
  EXPECT_EQ(end.error().code(), ErrorCode::end_of_stream);
  co_await ends.server.close();
}

TEST_F(SecurableStreamTest, MayStayClear) { run_on_shard(stay_clear); }

}  // namespace
}  // namespace sluice::tls
