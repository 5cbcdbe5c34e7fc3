// A shard on the test's own thread, with a task as its main, and pairs of connected sockets.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/descriptor.h"
#include "core/listener.h"
#include "core/ring.h"
#include "core/shard.h"
#include "core/socket.h"

namespace sluice {

inline constexpr std::uint64_t kTestSeed = 20'250'101;

// So long that only a fault passes it.
inline Deadline soon(const Shard& shard) {
  return Deadline::in(shard.clock(), std::chrono::seconds(60));
}

inline std::unique_ptr<Shard> open_shard(const RingSettings& settings = {}) {
  auto shard = Shard::open(ShardId(0), kTestSeed, settings);
  EXPECT_TRUE(shard.has_value()) << shard.error().sentence();
  return std::move(*shard);
}

// Runs main(shard, arguments...) on a fresh shard, which must end without a socket or operation.
template <class Main, class... Arguments>
void run_on_shard(Main main, Arguments&&... arguments) {
  const auto shard = open_shard();
  shard->run(main(*shard, std::forward<Arguments>(arguments)...));
  EXPECT_EQ(open_sockets(*shard), 0u);
  EXPECT_EQ(shard->ring().armed(), 0u);
  EXPECT_EQ(shard->timers().size(), 0u);
}

inline Endpoint loopback(std::uint16_t port = 0) {
  return Endpoint{IpAddress::v4(0x7f000001), port};
}

// Two ends of a TCP connection over loopback, as descriptors.
struct SocketPair {
  int first;
  int second;
};

inline int connect_to(const Endpoint& endpoint) {
  sockaddr_storage address{};
  const socklen_t length = endpoint.to_sockaddr(address);
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(connect(descriptor, reinterpret_cast<const sockaddr*>(&address), length), 0);
  return descriptor;
}

inline SocketPair connected_pair(const ListenSocket& listening) {
  const int first = connect_to(listening.endpoint());
  const int second = accept(listening.descriptor(), nullptr, nullptr);
  EXPECT_GE(second, 0);
  return {first, second};
}

inline SocketPair connected_pair() {
  const auto listening = ListenSocket::bind_tcp(loopback());
  EXPECT_TRUE(listening.has_value());
  return connected_pair(*listening);
}

// Writes all of the text to a descriptor that has room for it.
inline void write_all(int descriptor, std::string_view text) {
  EXPECT_EQ(::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

// Sends one text.
inline Task<Result<void>> send_text(Stream& stream, std::string text, Deadline deadline) {
  const std::string_view piece = text;
  const std::span<const std::string_view> pieces(&piece, 1);
  co_return co_await stream.send(pieces, deadline);
}

// Reads until so many bytes have come, and consumes them.
inline Task<Result<std::string>> read_bytes(Stream& stream, std::size_t bytes, Deadline deadline) {
  std::string text;
  while (text.size() < bytes) {
    if (stream.received().empty()) {
      auto filled = co_await stream.fill(deadline);
      if (!filled) co_return std::unexpected(std::move(filled).error());
    }
    const std::string_view part = stream.received().substr(0, bytes - text.size());
    text += part;
    stream.consume(part.size());
  }
  co_return text;
}

}  // namespace sluice
