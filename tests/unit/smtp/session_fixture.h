// A server session on a real shard, over a FakeStream and a FakeHandler.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/shard.h"
#include "smtp/server_session.h"
#include "tests/unit/smtp/fake_handler.h"
#include "tests/unit/smtp/fake_stream.h"

namespace sluice::smtp {

inline constexpr std::string_view kEhlo = "EHLO client.example\r\n";
inline constexpr std::string_view kMail = "MAIL FROM:<a@a.example>\r\n";
inline constexpr std::string_view kRcpt = "RCPT TO:<b@b.example>\r\n";
inline constexpr std::string_view kData = "DATA\r\n";
inline constexpr std::string_view kQuit = "QUIT\r\n";

inline std::string join(std::initializer_list<std::string_view> parts) {
  std::string joined;
  for (const auto part : parts) joined += part;
  return joined;
}

inline std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 2);
  }
  return lines;
}

class SessionTest : public testing::Test {
 public:
  SessionTest() : shard(Shard::open(ShardId(0), 1).value()), stream(*shard), handler(*shard) {
    settings.hostname = "mx.example";
  }

  // Runs a whole session over what was fed. `client` acts beside it, if there is one.
  void run() { shard->run(serve(*this)); }
  void run_beside(Task<void> client) {
    shard->scope().spawn(std::move(client));
    run();
  }

  static Task<void> serve(SessionTest& test) {
    ClientInfo client{.peer = Endpoint{IpAddress::v4(0xC0000201), 4711},
                      .local = Endpoint{IpAddress::v4(0xC0000202), 25},
                      .hello = {}};
    const ServerSession::Parts parts{.shard = *test.shard,
                                     .settings = test.settings,
                                     .stream = test.stream,
                                     .handler = test.handler,
                                     .upgrade = test.upgrade};
    ServerSession session(parts, std::move(client));
    test.session = &session;
    test.scope = std::make_unique<TaskScope>(test.shard->run_queue());
    test.scope->spawn(session.run());
    co_await test.scope->join();
    test.session = nullptr;
    test.has_ended = true;
  }

  // Lets everything run that can, for a number of turns that no scripted session needs.
  Task<void> settle() {
    for (int turn = 0; turn < 200; ++turn) co_await yield(*shard);
  }

  // The replies to what follows a greeting and EHLO, a line each.
  std::vector<std::string> replies_to(std::string_view input) {
    stream.feed(join({kEhlo, input}));
    run();
    return replies_behind_ehlo();
  }
  std::vector<std::string> replies_behind_ehlo() const {
    auto lines = split_lines(stream.output());
    std::size_t behind = 0;
    while (behind < lines.size() && lines[behind] != "250 CHUNKING") ++behind;
    lines.erase(lines.begin(),
                lines.begin() + static_cast<std::ptrdiff_t>(std::min(behind + 1, lines.size())));
    return lines;
  }

  std::unique_ptr<Shard> shard;
  ServerSettings settings;
  FakeStream stream;
  FakeHandler handler;
  TlsUpgrade* upgrade = nullptr;
  ServerSession* session = nullptr;
  std::unique_ptr<TaskScope> scope;  // of the session's task
  bool has_ended = false;
};

}  // namespace sluice::smtp
