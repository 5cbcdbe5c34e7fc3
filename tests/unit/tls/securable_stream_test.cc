// TLS over real sockets on one shard: our server against our client.
#include "tls/securable_stream.h"

#include <gmock/gmock.h>

#include <functional>
#include <string>

#include "core/task_scope.h"
#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/tls/certificate_fixture.h"

namespace sluice::tls {
namespace {

using testing::HasSubstr;

// Both ends of a connection.
struct Ends {
  explicit Ends(Shard& shard) : pair(connected_pair()) {
    server = std::make_unique<SecurableStream>(
        shard, adopt_socket(shard, pair.first, Direction::incoming));
    client = std::make_unique<SecurableStream>(
        shard, adopt_socket(shard, pair.second, Direction::outgoing));
  }
  SocketPair pair;
  std::unique_ptr<SecurableStream> server;
  std::unique_ptr<SecurableStream> client;
};

// What came of the handshakes.
struct Shaken {
  Result<ConnectionFacts> server = fail(ErrorCode::cancelled, "not yet");
  Result<ConnectionFacts> client = fail(ErrorCode::cancelled, "not yet");
};

Task<void> be_server(Ends& ends, std::shared_ptr<const ServerContext> context, Deadline deadline,
                     Shaken& shaken) {
  shaken.server = co_await ends.server->secure(std::move(context), deadline);
}

Task<void> be_client(Ends& ends, ClientContext& context, Deadline deadline, Shaken& shaken) {
  std::string name = "mx.example.com";
  shaken.client = co_await ends.client->secure_as_client(context, std::move(name), deadline);
}

Task<void> shake_hands(Shard& shard, Ends& ends, std::shared_ptr<const ServerContext> server,
                       ClientContext& client, Shaken& shaken) {
  TaskScope scope(shard.run_queue());
  scope.spawn(be_server(ends, std::move(server), soon(shard), shaken));
  scope.spawn(be_client(ends, client, soon(shard), shaken));
  co_await scope.join();
}

Task<void> close(Ends& ends) {
  co_await ends.client->close();
  co_await ends.server->close();
}

Task<Result<void>> say(Shard& shard, Stream& stream, std::string text) {
  const std::string_view piece = text;
  const std::span<const std::string_view> pieces(&piece, 1);
  co_return co_await stream.send(pieces, soon(shard));
}

// Reads until so many bytes came.
Task<std::string> hear(Shard& shard, Stream& stream, std::size_t bytes) {
  std::string heard;
  while (heard.size() < bytes) {
    auto filled = co_await stream.fill(soon(shard));
    if (!filled) break;
    heard += stream.received();
    stream.consume(stream.received().size());
  }
  co_return heard;
}

std::unique_ptr<ClientContext> make_client(Resumption resumption = Resumption::no) {
  EXPECT_TRUE(initialise().has_value());
  return std::move(*ClientContext::make(resumption));
}

Task<void> greet(Shard& shard) {
  const auto client = make_client();
  Ends ends(shard);
  Shaken shaken;
  co_await shake_hands(shard, ends, make_context({"rsa", "ecdsa"}), *client, shaken);
  EXPECT_TRUE(shaken.server.has_value());
  EXPECT_TRUE(shaken.client.has_value());
  EXPECT_EQ(shaken.server->version, "TLSv1.3");
  EXPECT_EQ(shaken.server->cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(shaken.server->server_name, "mx.example.com");
  EXPECT_FALSE(shaken.server->is_resumed);
  auto said = co_await say(shard, *ends.client, "EHLO\r\n");
  EXPECT_TRUE(said.has_value());
  const std::string heard = co_await hear(shard, *ends.server, 6);
  EXPECT_EQ(heard, "EHLO\r\n");
  said = co_await say(shard, *ends.server, "250 Ok\r\n");
  EXPECT_TRUE(said.has_value());
  const std::string answered = co_await hear(shard, *ends.client, 8);
  EXPECT_EQ(answered, "250 Ok\r\n");
  co_await close(ends);
}

TEST(SecurableStream, CarriesAConversation) { run_on_shard(greet); }

Task<void> begin_in_clear(Shard& shard) {
  const auto client = make_client();
  Ends ends(shard);
  auto said = co_await say(shard, *ends.client, "STARTTLS\r\nevil");
  EXPECT_TRUE(said.has_value());
  auto filled = co_await ends.server->fill(soon(shard));
  EXPECT_TRUE(filled.has_value());
  EXPECT_EQ(ends.server->received(), "STARTTLS\r\nevil");
  ends.server->discard_received();
  EXPECT_FALSE(ends.server->is_secure());
  Shaken shaken;
  co_await shake_hands(shard, ends, make_context({"ecdsa"}), *client, shaken);
  EXPECT_TRUE(shaken.server.has_value());
  EXPECT_TRUE(ends.server->is_secure());
  EXPECT_EQ(ends.server->received(), "");
  co_await close(ends);
}

TEST(SecurableStream, BeginsInClearAndForgetsWhatIsDiscarded) { run_on_shard(begin_in_clear); }

Task<void> listen(Shard& shard, Stream& stream, std::size_t bytes, std::string& heard) {
  heard = co_await hear(shard, stream, bytes);
}

// Both directions at once, more than any buffer holds.
Task<void> exchange_much(Shard& shard) {
  const auto client = make_client();
  Ends ends(shard);
  Shaken shaken;
  co_await shake_hands(shard, ends, make_context({"ecdsa"}), *client, shaken);
  std::string text(3'000'000, 'x');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  std::string heard_by_server;
  std::string heard_by_client;
  TaskScope scope(shard.run_queue());
  scope.spawn(listen(shard, *ends.server, text.size(), heard_by_server));
  scope.spawn(listen(shard, *ends.client, text.size(), heard_by_client));
  scope.spawn([](Shard& on, Stream& stream, const std::string& said) -> Task<void> {
    auto sent = co_await say(on, stream, said);
    EXPECT_TRUE(sent.has_value());
  }(shard, *ends.server, text));
  auto sent = co_await say(shard, *ends.client, text);
  EXPECT_TRUE(sent.has_value());
  co_await scope.join();
  EXPECT_TRUE(heard_by_server == text);
  EXPECT_TRUE(heard_by_client == text);
  co_await close(ends);
}

TEST(SecurableStream, CarriesMuchInBothDirections) { run_on_shard(exchange_much); }

Task<void> resume(Shard& shard) {
  const auto client = make_client(Resumption::yes);
  auto keys = std::make_shared<TicketKeys>(shard.clock().now());
  for (int round = 0; round < 2; ++round) {
    Ends ends(shard);
    // Each time another context, as on another shard or after a reload, with the same keys.
    auto context = make_context({"ecdsa"}, MinVersion::tls_1_2, keys);
    Shaken shaken;
    co_await shake_hands(shard, ends, std::move(context), *client, shaken);
    EXPECT_TRUE(shaken.server.has_value());
    EXPECT_EQ(shaken.server->is_resumed, round == 1);
    auto said = co_await say(shard, *ends.server, "220\r\n");  // behind the tickets
    EXPECT_TRUE(said.has_value());
    co_await hear(shard, *ends.client, 5);
    co_await close(ends);
  }
}

TEST(SecurableStream, ResumesWithTheTicketOfAnotherContext) { run_on_shard(resume); }

Task<void> leave_in_order(Shard& shard) {
  const auto client = make_client();
  Ends ends(shard);
  Shaken shaken;
  co_await shake_hands(shard, ends, make_context({"ecdsa"}), *client, shaken);
  co_await ends.client->close();
  auto filled = co_await ends.server->fill(soon(shard));
  EXPECT_EQ(filled.error().code(), ErrorCode::end_of_stream);
  co_await ends.server->close();
}

TEST(SecurableStream, TellsAnOrderlyEnd) { run_on_shard(leave_in_order); }

// The connection below ends, and TLS never said so: somebody may have cut it.
Task<void> truncate(Shard& shard) {
  const auto client = make_client();
  Ends ends(shard);
  Shaken shaken;
  co_await shake_hands(shard, ends, make_context({"ecdsa"}), *client, shaken);
  EXPECT_EQ(::shutdown(ends.pair.second, SHUT_WR), 0);
  auto filled = co_await ends.server->fill(soon(shard));
  EXPECT_EQ(filled.error().code(), ErrorCode::connection_lost);
  co_await close(ends);
}

TEST(SecurableStream, TellsATruncationFromAnEnd) { run_on_shard(truncate); }

Task<void> send_garbage(Shard& shard) {
  Ends ends(shard);
  auto said = co_await say(shard, *ends.client, "EHLO in clear\r\n");
  EXPECT_TRUE(said.has_value());
  auto facts = co_await ends.server->secure(make_context({"ecdsa"}), soon(shard));
  EXPECT_FALSE(facts.has_value());
  EXPECT_THAT(facts.error().sentence(), HasSubstr("no ClientHello"));
  co_await close(ends);
}

TEST(SecurableStream, RefusesAClientThatSpeaksInClear) { run_on_shard(send_garbage); }

Task<void> stall(Shard& shard) {
  Ends ends(shard);
  const Deadline deadline = Deadline::in(shard.clock(), std::chrono::milliseconds(20));
  auto facts = co_await ends.server->secure(make_context({"ecdsa"}), deadline);
  EXPECT_EQ(facts.error().code(), ErrorCode::timed_out);
  co_await close(ends);
}

TEST(SecurableStream, GivesUpAClientThatSaysNothing) { run_on_shard(stall); }

Task<void> corrupt(Shard& shard) {
  const auto client = make_client();
  Ends ends(shard);
  Shaken shaken;
  co_await shake_hands(shard, ends, make_context({"ecdsa"}), *client, shaken);
  const std::string record("\x17\x03\x03\x00\x20", 5);
  const std::string garbage = record + std::string(32, 'x');
  EXPECT_EQ(::write(ends.pair.second, garbage.data(), garbage.size()),
            static_cast<ssize_t>(garbage.size()));
  auto filled = co_await ends.server->fill(soon(shard));
  EXPECT_FALSE(filled.has_value());
  co_await close(ends);
}

TEST(SecurableStream, RefusesARecordThatWasTamperedWith) { run_on_shard(corrupt); }

}  // namespace
}  // namespace sluice::tls
