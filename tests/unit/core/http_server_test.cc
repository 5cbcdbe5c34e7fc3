#include "core/http_server.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/unit/core/shard_fixture.h"

namespace sluice {
namespace {

using testing::ContainsRegex;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

HttpServer::Pages pages() {
  return {{"/page",
           [] {
             return HttpAnswer{.status = 200, .content_type = "text/plain", .body = "the page\n"};
           }},
          {"/sick", [] {
             return HttpAnswer{.status = 503, .content_type = "text/plain", .body = "not well\n"};
           }}};
}

// Everything that is answered until the server closes the connection.
std::string read_to_end(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = ::recv(descriptor, buffer.data(), buffer.size(), 0);
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Task<void> converse(Shard& shard, int descriptor, HttpTimeouts timeouts) {
  HttpServer server(shard, pages(), timeouts);
  auto stream = adopt_socket(shard, descriptor, Direction::incoming);
  co_await server.converse(*stream);
  co_await stream->close();
}

// What a client that sends this, and then no more, is answered.
std::string answer_to(std::string_view sent) {
  const SocketPair pair = connected_pair();
  write_all(pair.first, sent);
  shutdown(pair.first, SHUT_WR);
  run_on_shard(converse, pair.second, HttpTimeouts());
  std::string answer = read_to_end(pair.first);
  ::close(pair.first);
  return answer;
}

std::string body_of(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

TEST(HttpServer, AnswersAPage) {
  const std::string answer = answer_to("GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 9\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain\r\n"));
  EXPECT_EQ(body_of(answer), "the page\n");
}

TEST(HttpServer, AnswersWithTheStatusOfThePage) {
  EXPECT_THAT(answer_to("GET /sick HTTP/1.1\r\nHost: x\r\n\r\n"),
              StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
}

TEST(HttpServer, AnswersHeadWithoutABody) {
  const std::string answer = answer_to("HEAD /page HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 9\r\n"));
  EXPECT_EQ(body_of(answer), "");
}

TEST(HttpServer, IgnoresTheQuery) {
  EXPECT_THAT(answer_to("GET /page?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"), EndsWith("the page\n"));
}

TEST(HttpServer, TakesATargetInFull) {
  EXPECT_THAT(answer_to("GET http://x:8080/page?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"),
              EndsWith("the page\n"));
  EXPECT_THAT(answer_to("GET http://x HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 404"));
}

TEST(HttpServer, SaysWhenItAnswered) {
  EXPECT_THAT(answer_to("GET /page HTTP/1.1\r\nHost: x\r\n\r\n"),
              ContainsRegex("\r\nDate: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} "
                            "[0-9]{2}:[0-9]{2}:[0-9]{2} GMT\r\n"));
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const std::string answer = answer_to(
      "GET /page HTTP/1.1\r\nHost: x\r\n\r\nGET /other HTTP/1.1\r\nHost: x\r\n\r\n"
      "HEAD /page HTTP/1.1\r\nHost: x\r\n\r\nGET /sick HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto second = answer.find("HTTP/1.1 404");
  const auto third = answer.find("HTTP/1.1 200", second);
  ASSERT_NE(second, std::string::npos);
  ASSERT_NE(third, std::string::npos);
  EXPECT_THAT(answer.substr(0, second), EndsWith("the page\n"));
  EXPECT_THAT(answer.substr(third), HasSubstr("HTTP/1.1 503"));
  EXPECT_THAT(answer, EndsWith("not well\n"));
}

TEST(HttpServer, ClosesWhenTheClientAsksForIt) {
  const std::string answer = answer_to(
      "GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      "GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(answer.find("HTTP/1.1 200"), answer.rfind("HTTP/1.1 200"));
}

TEST(HttpServer, ClosesAfterAnOldRequest) {
  const std::string answer = answer_to("GET /page HTTP/1.0\r\n\r\nGET /page HTTP/1.0\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.0 200 OK\r\n"));
  EXPECT_EQ(answer.find("HTTP/1.0 200"), answer.rfind("HTTP/1.0 200"));
}

struct RefusedCase {
  const char* name;
  std::string sent;
  const char* status;
};
class HttpServerRefuses : public testing::TestWithParam<RefusedCase> {};

TEST_P(HttpServerRefuses, WithItsStatus) {
  EXPECT_THAT(answer_to(GetParam().sent),
              StartsWith(std::string("HTTP/1.1 ") + GetParam().status + " "));
}

std::string with_header_of(std::size_t bytes) {
  const std::string before = "GET /page HTTP/1.1\r\nHost: x\r\nX: ";
  const std::string after = "\r\n\r\n";
  return before + std::string(bytes - before.size() - after.size(), 'x') + after;
}

INSTANTIATE_TEST_SUITE_P(
    Requests, HttpServerRefuses,
    testing::Values(
        RefusedCase{"UnknownPage", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404"},
        RefusedCase{"OtherMethod", "DELETE /page HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
        RefusedCase{"OptionsOfEverything", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "404"},
        RefusedCase{"NoHost", "GET /page HTTP/1.1\r\n\r\n", "400"},
        RefusedCase{"TwoHosts", "GET /page HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
        RefusedCase{"UnknownMethod", "BREW /page HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
        RefusedCase{"Content", "POST /page HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "413"},
        RefusedCase{"ChunkedContent",
                    "GET /page HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                    "413"},
        RefusedCase{"NewerProtocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
        RefusedCase{"Smtp", "EHLO x\r\nMAIL FROM:<>\r\n\r\n", "400"},
        RefusedCase{"Noise", std::string("\x16\x03\x01\x00\xff\r\n\r\n", 9), "400"},
        RefusedCase{"BadHeader", "GET /page HTTP/1.1\r\n: x\r\n\r\n", "400"},
        RefusedCase{"LongHeader", with_header_of(kHttpHeaderBytesMax + 1), "431"},
        RefusedCase{"LongTarget", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n", "431"},
        RefusedCase{"EndlessLine", std::string(20'000, 'A'), "431"}),
    [](const auto& info) { return info.param.name; });

TEST(HttpServer, TakesTheLongestHeader) {
  EXPECT_THAT(answer_to(with_header_of(kHttpHeaderBytesMax)), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, ForgetsWhatFollowsARequestThatItDidNotUnderstand) {
  const std::string answer = answer_to("what\r\n\r\nGET /page HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(answer, Not(HasSubstr("the page")));
}

Task<void> send_bytewise(Shard& shard, Stream& stream, std::string text, Deadline deadline) {
  for (const char c : text) {
    auto sent = co_await send_text(stream, std::string(1, c), deadline);
    EXPECT_TRUE(sent.has_value());
    co_await yield(shard);
  }
}

Task<void> exchange_bytewise(Shard& shard, std::string* answer) {
  const SocketPair pair = connected_pair();
  TaskScope scope(shard.run_queue());
  scope.spawn(converse(shard, pair.second, {}));
  auto client = adopt_socket(shard, pair.first, Direction::outgoing);
  const Deadline deadline = soon(shard);
  co_await send_bytewise(shard, *client, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n", deadline);
  while (!answer->ends_with("the page\n")) {
    auto filled = co_await client->fill(deadline);
    EXPECT_TRUE(filled.has_value());
    if (!filled) break;
    answer->append(client->received());
    client->consume(client->received().size());
  }
  co_await client->close();
  co_await scope.join();
}

TEST(HttpServer, UnderstandsARequestThatComesByteByByte) {
  std::string answer;
  run_on_shard(exchange_bytewise, &answer);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST(HttpServer, TellsASlowClientThatItIsLate) {
  const SocketPair pair = connected_pair();
  write_all(pair.first, "GET /page HT");
  run_on_shard(converse, pair.second, HttpTimeouts{.request = std::chrono::milliseconds(1)});
  EXPECT_THAT(read_to_end(pair.first), StartsWith("HTTP/1.1 408"));
  ::close(pair.first);
}

TEST(HttpServer, LeavesAnIdleClientWithoutAWord) {
  const SocketPair pair = connected_pair();
  run_on_shard(converse, pair.second, HttpTimeouts{.idle = std::chrono::milliseconds(1)});
  EXPECT_EQ(read_to_end(pair.first), "");
  ::close(pair.first);
}

Task<void> refuse_one_too_many(Shard& shard) {
  auto listening = ListenSocket::bind_tcp(loopback());
  HttpServer server(shard, pages());
  server.start(*listening);
  std::vector<int> clients;
  for (std::size_t i = 0; i < kHttpConnectionsMax; ++i) {
    clients.push_back(connect_to(listening->endpoint()));
  }
  auto extra = adopt_socket(shard, connect_to(listening->endpoint()), Direction::outgoing);
  const Deadline deadline = soon(shard);
  auto closed = co_await extra->fill(deadline);
  EXPECT_FALSE(closed.has_value());
  EXPECT_NE(closed.error().code(), ErrorCode::timed_out);
  co_await extra->close();
  // One that leaves makes room for another.
  auto last = adopt_socket(shard, clients.back(), Direction::outgoing);
  auto sent = co_await send_text(*last, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n", deadline);
  EXPECT_TRUE(sent.has_value());
  auto answer = co_await read_bytes(*last, 12, deadline);
  EXPECT_EQ(*answer, "HTTP/1.1 200");
  co_await last->close();
  clients.pop_back();
  co_await server.stop();
  for (const int client : clients) ::close(client);
}

TEST(HttpServer, ServesABoundedNumberOfConnections) { run_on_shard(refuse_one_too_many); }

Task<void> stop_with_clients(Shard& shard) {
  auto listening = ListenSocket::bind_tcp(loopback());
  HttpServer server(shard, pages());
  server.start(*listening);
  auto client = adopt_socket(shard, connect_to(listening->endpoint()), Direction::outgoing);
  const Deadline deadline = soon(shard);
  auto sent = co_await send_text(*client, "GET /page HTTP/1.1\r\nHost: x\r\n\r\nGET /pa", deadline);
  EXPECT_TRUE(sent.has_value());
  auto answer = co_await read_bytes(*client, 12, deadline);
  EXPECT_TRUE(answer.has_value());
  co_await server.stop();
  co_await client->close();
}

TEST(HttpServer, StopsAlsoInTheMiddleOfARequest) { run_on_shard(stop_with_clients); }

}  // namespace
}  // namespace sluice
