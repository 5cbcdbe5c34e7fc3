// OpenSSL's own client against our server: what two implementations agree on.
#include <gmock/gmock.h>

#include <optional>
#include <string>

#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/tls/test_certificates.h"
#include "tls/tls_stream.h"

namespace sluice::tls {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using Arguments = std::vector<std::string>;

// What the server saw of one client.
struct Seen {
  Result<ConnectionFacts> facts = fail(ErrorCode::system, "not yet");
  std::string line;
};

Task<std::string> read_line(Stream& stream, Deadline deadline) {
  std::string line;
  while (!line.ends_with('\n')) {
    auto byte = co_await read_bytes(stream, 1, deadline);
    if (!byte) co_return "error: " + byte.error().sentence();
    line += *byte;
  }
  co_return line;
}

// Something to type into the client once it has printed something.
struct Typing {
  ChildProcess& client;
  std::string_view awaited;
  std::string_view typed;
};

Task<Result<void>> pause(Shard& shard) {
  const auto deadline = Deadline::in(shard.clock(), std::chrono::milliseconds(1));
  return sleep_until(shard, deadline);
}

Task<void> type(Shard& shard, const Typing& typing) {
  while (typing.client.output().find(typing.awaited) == std::string::npos) {
    const auto slept = co_await pause(shard);
    if (!slept) co_return;
  }
  typing.client.say(typing.typed);
}

// The client is a process: its connection comes when it comes.
Task<int> accept_one(Shard& shard, const ListenSocket& listening) {
  while (true) {
    const int descriptor = accept4(listening.descriptor(), nullptr, nullptr, SOCK_NONBLOCK);
    if (descriptor >= 0) co_return descriptor;
    const auto slept = co_await pause(shard);
    EXPECT_TRUE(slept);
  }
}

// Greets, reads a line, answers it, and leaves.
Task<void> serve(Shard& shard, Stream& stream, Seen& seen) {
  const auto greeted = co_await send_text(stream, "220 ready\r\n", soon(shard));
  EXPECT_TRUE(greeted);
  seen.line = co_await read_line(stream, soon(shard));
  std::string answer = "250 heard " + seen.line;
  const auto answered = co_await send_text(stream, std::move(answer), soon(shard));
  EXPECT_EQ(answered.has_value(), !seen.line.starts_with("error"));
}

Task<void> serve_one(Shard& shard, const ListenSocket& listening,
                     std::shared_ptr<const ServerContext> context, Seen& seen) {
  const int descriptor = co_await accept_one(shard, listening);
  TlsStream stream(shard, adopt_socket(shard, descriptor, Direction::incoming), std::move(context));
  seen.facts = co_await stream.handshake(soon(shard));
  if (seen.facts) co_await serve(shard, stream, seen);
  co_await stream.close();
}

Task<void> serve_and_type(Shard& shard, const ListenSocket& listening,
                          std::shared_ptr<const ServerContext> context, Seen& seen,
                          const Typing& typing) {
  TaskScope scope(shard.run_queue());
  scope.spawn(type(shard, typing));
  co_await serve_one(shard, listening, std::move(context), seen);
  co_await scope.join();
}

class OpensslTest : public testing::Test {
 protected:
  // Runs openssl s_client against a server with this context on a shard of its own. When the client
  // has printed `awaited`, `typed` is typed into it; before that `typed_first`.
  struct Input {
    std::string_view typed_first;
    std::string_view awaited;
    std::string_view typed = "NOOP\n";
  };
  Seen meet(const std::shared_ptr<const ServerContext>& context, const Arguments& arguments) {
    return meet(context, arguments, {.typed_first = "", .awaited = ""});
  }
  Seen meet(const std::shared_ptr<const ServerContext>& context, const Arguments& arguments,
            const Input& input) {
    const auto listening = ListenSocket::bind_tcp(loopback());
    EXPECT_TRUE(listening.has_value());
    Arguments command = {"openssl",  "s_client",
                         "-connect", listening->endpoint().to_string(),
                         "-CAfile",  certificates_.authorities_file()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    ChildProcess client(std::move(command), certificates_.file("client.log"));
    client.say(input.typed_first);
    const Typing typing{.client = client, .awaited = input.awaited, .typed = input.typed};
    Seen seen;
    run_on_shard(serve_and_type, *listening, context, seen, typing);
    client.wait();
    output_ = client.output();
    return seen;
  }

  std::shared_ptr<const ServerContext> both_kinds() {
    return server_with({certificates_.load("rsa:2048", "DNS:mail.example.com"),
                        certificates_.load("ec:P-256", "DNS:mail.example.com")});
  }

  TestCertificates certificates_;
  std::string output_;  // of the client that was met last
};

TEST_F(OpensslTest, MeetsTls13) {
  const Seen seen = meet(both_kinds(), {"-tls1_3", "-servername", "mail.example.com"});
  ASSERT_TRUE(seen.facts) << seen.facts.error().sentence() << output_;
  EXPECT_EQ(seen.facts->version, "TLSv1.3");
  EXPECT_EQ(seen.facts->server_name, "mail.example.com");
  EXPECT_EQ(seen.line, "NOOP\n");
  EXPECT_THAT(output_, AllOf(HasSubstr("220 ready"), HasSubstr("250 heard NOOP"),
                             HasSubstr("Peer signature type: ECDSA"),
                             HasSubstr("Verify return code: 0 (ok)")));
}

TEST_F(OpensslTest, MeetsTls12) {
  const Seen seen = meet(both_kinds(), {"-tls1_2"});
  ASSERT_TRUE(seen.facts) << seen.facts.error().sentence() << output_;
  EXPECT_EQ(seen.facts->version, "TLSv1.2");
  EXPECT_EQ(seen.facts->cipher, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
  EXPECT_EQ(seen.line, "NOOP\n");
  EXPECT_THAT(output_, HasSubstr("250 heard NOOP"));
}

TEST_F(OpensslTest, RefusesTls11) {
  const Seen seen = meet(both_kinds(), {"-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"});
  ASSERT_FALSE(seen.facts);
  EXPECT_THAT(output_, HasSubstr("alert"));
}

TEST_F(OpensslTest, RefusesCiphersWithoutForwardSecrecy) {
  for (const char* const cipher : {"AES128-GCM-SHA256", "aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0",
                                   "DHE-RSA-AES128-GCM-SHA256"}) {
    const Seen seen = meet(both_kinds(), {"-tls1_2", "-cipher", cipher});
    EXPECT_FALSE(seen.facts) << cipher;
  }
}

TEST_F(OpensslTest, AnRsaOnlyClientGetsRsa) {
  const auto context = both_kinds();
  for (const Arguments& arguments : {Arguments{"-tls1_3", "-sigalgs", "RSA-PSS+SHA256"},
                                     Arguments{"-tls1_2", "-sigalgs", "RSA+SHA256"},
                                     Arguments{"-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"}}) {
    const Seen seen = meet(context, arguments);
    EXPECT_TRUE(seen.facts) << seen.facts.error().sentence();
    EXPECT_THAT(output_, HasSubstr("Peer signature type: RSA")) << arguments[2];
  }
}

TEST_F(OpensslTest, GetsTheCertificateOfTheNameItAsksFor) {
  const auto context = server_with({certificates_.load("ec:P-256", "DNS:a.example"),
                                    certificates_.load("ec:P-256", "DNS:*.b.example")});
  for (const char* const name : {"a.example", "mail.b.example"}) {
    const Seen seen = meet(context, {"-servername", name, "-verify_hostname", name});
    ASSERT_TRUE(seen.facts);
    EXPECT_EQ(seen.facts->server_name, name);
    EXPECT_THAT(output_, HasSubstr("Verify return code: 0 (ok)")) << name;
  }
  const Seen other = meet(context, {"-servername", "c.example", "-verify_hostname", "c.example"});
  ASSERT_TRUE(other.facts);
  EXPECT_THAT(output_, HasSubstr("Verify return code: 62 (hostname mismatch)"));
}

TEST_F(OpensslTest, ResumesOnAnotherShardAndAfterAReload) {
  const auto keys = new_ticket_keys();
  const auto certificate = certificates_.load("ec:P-256", "DNS:a.example");
  for (const char* const version : {"-tls1_2", "-tls1_3"}) {
    const std::string session = certificates_.file("session.pem");
    const Seen first = meet(server_with({certificate}, keys), {version, "-sess_out", session});
    ASSERT_TRUE(first.facts);
    EXPECT_FALSE(first.facts->is_resumed);
    // meet() runs each server on a shard of its own, and this is a context of its own.
    const Seen second = meet(server_with({certificate}, keys), {version, "-sess_in", session});
    ASSERT_TRUE(second.facts);
    EXPECT_TRUE(second.facts->is_resumed) << version;
    EXPECT_EQ(second.line, "NOOP\n");
    EXPECT_THAT(output_, HasSubstr("Reused, ")) << version;
    // Other keys, as after a restart: a whole handshake.
    const Seen third = meet(server_with({certificate}), {version, "-sess_in", session});
    ASSERT_TRUE(third.facts) << third.facts.error().sentence();
    EXPECT_FALSE(third.facts->is_resumed) << version;
  }
}

// 'k' and 'K' make s_client send KeyUpdate, the latter with a request for ours: then a read of ours
// must write.
TEST_F(OpensslTest, GoesOnAfterKeyUpdates) {
  for (const char* const command : {"k\n", "K\n"}) {
    const Seen seen =
        meet(both_kinds(), {"-tls1_3"}, {.typed_first = command, .awaited = "KEYUPDATE"});
    ASSERT_TRUE(seen.facts);
    EXPECT_EQ(seen.line, "NOOP\n") << command;
    EXPECT_THAT(output_, HasSubstr("250 heard NOOP")) << command;
  }
}

TEST_F(OpensslTest, RefusesRenegotiation) {
  const Seen seen = meet(both_kinds(), {"-tls1_2"},
                         {.typed_first = "R\n", .awaited = "RENEGOTIATING", .typed = ""});
  ASSERT_TRUE(seen.facts);
  EXPECT_THAT(seen.line, HasSubstr("error: "));
  EXPECT_THAT(output_, HasSubstr("alert unexpected message"));
}

}  // namespace
}  // namespace sluice::tls
