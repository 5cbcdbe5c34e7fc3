#include "core/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <functional>
#include <thread>

#include "tests/unit/core/dns_reply.h"
#include "tests/unit/core/shard_fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;

const DnsQuestion kQuestion{.name = "a.test", .type = DnsType::a};

DnsReply right_reply() { return DnsReply(kQuestion).answer("a.test", 1, 60, {192, 0, 2, 1}); }

std::vector<DnsBytes> alone(DnsBytes reply) { return std::vector<DnsBytes>(1, std::move(reply)); }

unsigned id_of(const DnsBytes& query) { return static_cast<unsigned>(query[0]) << 8 | query[1]; }

// A DNS server on a thread of its own, over UDP and TCP on one port. What `answer` gives is sent.
class DnsServer {
 public:
  using Answer = std::function<std::vector<DnsBytes>(const DnsBytes& query, bool is_tcp)>;

  explicit DnsServer(Answer answer) : answer_(std::move(answer)) {
    do {
      tcp_.emplace(std::move(ListenSocket::bind_tcp(loopback())).value());
    } while (!bind_udp());
    thread_ = std::thread([this] { serve(); });
  }
  ~DnsServer() {
    is_over_ = true;
    thread_.join();
    ::close(udp_);
  }

  Endpoint endpoint() const { return tcp_->endpoint(); }
  int asked_over_udp() const { return asked_over_udp_; }

 private:
  bool bind_udp() {
    udp_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_storage address{};
    const socklen_t length = tcp_->endpoint().to_sockaddr(address);
    if (::bind(udp_, reinterpret_cast<const sockaddr*>(&address), length) == 0) return true;
    ::close(udp_);
    return false;
  }
  void serve() {
    while (!is_over_) {
      pollfd ready[2] = {{udp_, POLLIN, 0}, {tcp_->descriptor(), POLLIN, 0}};
      ::poll(ready, 2, 10);
      if ((ready[0].revents & POLLIN) != 0) answer_datagram();
      if ((ready[1].revents & POLLIN) != 0) answer_connection();
    }
  }
  void answer_datagram() {
    sockaddr_storage from{};
    socklen_t length = sizeof(from);
    DnsBytes query(512);
    const ssize_t got = ::recvfrom(udp_, query.data(), query.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &length);
    if (got < 12) return;
    query.resize(static_cast<std::size_t>(got));
    ++asked_over_udp_;
    for (const DnsBytes& reply : answer_(query, false)) {
      ::sendto(udp_, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&from),
               length);
    }
  }
  void answer_connection() {
    const int connection = ::accept(tcp_->descriptor(), nullptr, nullptr);
    DnsBytes query(514);
    const ssize_t got = ::recv(connection, query.data(), query.size(), 0);
    if (got > 14) {
      query.resize(static_cast<std::size_t>(got));
      query.erase(query.begin(), query.begin() + 2);
      for (const DnsBytes& reply : answer_(query, true)) {
        DnsBytes framed;
        put_16(framed, static_cast<unsigned>(reply.size()));
        framed.insert(framed.end(), reply.begin(), reply.end());
        ::send(connection, framed.data(), framed.size(), MSG_NOSIGNAL);
      }
    }
    ::close(connection);
  }

  Answer answer_;
  std::optional<ListenSocket> tcp_;
  int udp_ = -1;
  std::atomic<bool> is_over_{false};
  std::atomic<int> asked_over_udp_{0};
  std::thread thread_;
};

ResolverSettings asking(const std::vector<Endpoint>& servers) {
  return {.servers = servers, .timeout = std::chrono::milliseconds(100), .attempts = 2};
}

Task<void> ask_once(Shard& shard, ResolverSettings settings,
                    std::optional<Result<DnsAnswer>>& answer) {
  const auto resolver = Resolver::open(shard, settings);
  answer.emplace(co_await resolver->ask(kQuestion));
  co_await resolver->close();
}

Result<DnsAnswer> ask(const ResolverSettings& settings) {
  std::optional<Result<DnsAnswer>> answer;
  run_on_shard(ask_once, settings, std::ref(answer));
  return *answer;
}

TEST(Resolver, GivesTheAnswerOfAServer) {
  DnsServer server([](const DnsBytes& query, bool) {
    return alone(right_reply().flag(0x20).bytes(id_of(query)));
  });
  const auto answer = ask(asking({server.endpoint()}));
  ASSERT_TRUE(answer.has_value()) << answer.error().sentence();
  EXPECT_EQ(answer->addresses.at(0), *IpAddress::parse("192.0.2.1"));
  EXPECT_TRUE(answer->is_authentic);  // the server is on this machine
  ResolverSettings distrusting = asking({server.endpoint()});
  distrusting.trust_ad = TrustAd::never;
  EXPECT_FALSE(ask(distrusting)->is_authentic);
}

TEST(Resolver, AsksAgainOverTcpWhatWasCut) {
  DnsServer server([](const DnsBytes& query, bool is_tcp) {
    DnsReply reply = is_tcp ? right_reply() : DnsReply(kQuestion).flag(0x0200);
    return alone(reply.bytes(id_of(query)));
  });
  const auto answer = ask(asking({server.endpoint()}));
  ASSERT_TRUE(answer.has_value()) << answer.error().sentence();
  EXPECT_EQ(answer->addresses.size(), 1u);
}

TEST(Resolver, WaitsNoLongerThanItsRounds) {
  DnsServer server([](const DnsBytes&, bool) { return std::vector<DnsBytes>(); });
  const auto answer = ask(asking({server.endpoint()}));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), ErrorCode::timed_out);
  EXPECT_EQ(server.asked_over_udp(), 2);
}

TEST(Resolver, PassesOverAServerThatIsSilentOrFails) {
  DnsServer silent([](const DnsBytes&, bool) { return std::vector<DnsBytes>(); });
  DnsServer failing([](const DnsBytes& query, bool) {
    return alone(DnsReply(kQuestion, 2).bytes(id_of(query)));
  });
  DnsServer good(
      [](const DnsBytes& query, bool) { return alone(right_reply().bytes(id_of(query))); });
  EXPECT_TRUE(ask(asking({silent.endpoint(), good.endpoint()})).has_value());
  EXPECT_TRUE(ask(asking({failing.endpoint(), good.endpoint()})).has_value());
}

TEST(Resolver, TellsThatTheOnlyServerFails) {
  DnsServer failing([](const DnsBytes& query, bool) {
    return alone(DnsReply(kQuestion, 2).bytes(id_of(query)));
  });
  const auto answer = ask(asking({failing.endpoint()}));
  ASSERT_FALSE(answer.has_value());
  EXPECT_THAT(answer.error().sentence(), HasSubstr("SERVFAIL"));
}

// Another id, another question, no reply at all: each is a try to be believed.
TEST(Resolver, BelievesNoReplyToWhatItDidNotAsk) {
  DnsServer lying([](const DnsBytes& query, bool) {
    const DnsQuestion other{.name = "b.test", .type = DnsType::a};
    const DnsReply false_one = DnsReply(kQuestion).answer("a.test", 1, 60, {6, 6, 6, 6});
    return std::vector<DnsBytes>{false_one.bytes(id_of(query) ^ 1),
                                 DnsReply(other).bytes(id_of(query)), DnsBytes{1, 2, 3},
                                 right_reply().bytes(id_of(query))};
  });
  const auto answer = ask(asking({lying.endpoint()}));
  ASSERT_TRUE(answer.has_value()) << answer.error().sentence();
  EXPECT_EQ(answer->addresses.at(0), *IpAddress::parse("192.0.2.1"));
}

TEST(Resolver, GivesUpAtOnceWhereNobodyListens) {
  const auto endpoint = std::move(ListenSocket::bind_tcp(loopback())).value().endpoint();
  const auto answer = ask(asking({endpoint}));
  ASSERT_FALSE(answer.has_value());
}

Task<void> close_while_asking(Shard& shard, Endpoint server) {
  const auto resolver = Resolver::open(shard, asking({server}));
  TaskScope scope(shard.run_queue());
  std::optional<Result<DnsAnswer>> answer;
  scope.spawn([](Resolver& asked, std::optional<Result<DnsAnswer>>& told) -> Task<void> {
    told.emplace(co_await asked.ask(kQuestion));
  }(*resolver, answer));
  co_await resolver->close();
  co_await scope.join();
  EXPECT_EQ(answer->error().code(), ErrorCode::cancelled);
}

TEST(Resolver, EndsWhatIsOpenWhenItIsClosed) {
  DnsServer silent([](const DnsBytes&, bool) { return std::vector<DnsBytes>(); });
  run_on_shard(close_while_asking, silent.endpoint());
}

}  // namespace
}  // namespace sluice
