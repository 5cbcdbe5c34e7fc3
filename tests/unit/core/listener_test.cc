#include "core/listener.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "core/event.h"
#include "core/open_files.h"
#include "tests/unit/core/shard_fixture.h"

namespace sluice {
namespace {

// A directory of its own, gone after the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "sluice-test-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

int connect_to(const Endpoint& endpoint) {
  sockaddr_storage address{};
  const socklen_t length = endpoint.to_sockaddr(address);
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(connect(descriptor, reinterpret_cast<const sockaddr*>(&address), length), 0);
  return descriptor;
}

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  return descriptor;
}

// What a listener handed on; its descriptors are closed at the end.
struct Taken {
  explicit Taken(Shard& shard) : changed(shard) {}
  ~Taken() {
    for (const Accepted& accepted : all) close(accepted.descriptor);
  }
  void take(Accepted accepted) {
    all.push_back(accepted);
    changed.notify_all();
  }

  Event changed;
  std::vector<Accepted> all;
};

Task<void> wait_for(Taken& taken, std::size_t count, Deadline deadline) {
  while (taken.all.size() < count) {
    const auto waited = co_await taken.changed.wait(deadline);
    EXPECT_TRUE(waited) << "only " << taken.all.size() << " were accepted";
    if (!waited) co_return;
  }
}

Task<void> accept_many(Shard& shard) {
  auto listening = ListenSocket::bind_tcp(loopback());
  Taken taken(shard);
  TaskScope scope(shard.run_queue());
  const auto take = [&taken](Accepted accepted) { taken.take(accepted); };
  scope.spawn(accept_connections(shard, *listening, take));
  std::vector<int> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(connect_to(listening->endpoint()));
  co_await wait_for(taken, 100, soon(shard));
  co_await scope.close();
  for (const Accepted& accepted : taken.all) EXPECT_TRUE(accepted.peer.address.is_loopback());
  for (const int client : clients) close(client);
}

TEST(Listener, HandsEveryConnectionOn) { run_on_shard(accept_many); }

Task<void> accept_unix(Shard& shard, std::string path) {
  auto listening = ListenSocket::bind_unix(path);
  EXPECT_TRUE(listening.has_value()) << listening.error().sentence();
  Taken taken(shard);
  TaskScope scope(shard.run_queue());
  const auto take = [&taken](Accepted accepted) { taken.take(accepted); };
  scope.spawn(accept_connections(shard, *listening, take));
  const int client = connect_to(path);
  co_await wait_for(taken, 1, soon(shard));
  EXPECT_EQ(taken.all[0].peer.to_string(), "0.0.0.0:0");
  const auto stream = adopt_socket(shard, taken.all[0].descriptor, Direction::incoming);
  taken.all.clear();
  write_all(client, "list");
  const auto text = co_await read_bytes(*stream, 4, soon(shard));
  EXPECT_EQ(text.value_or("nothing"), "list");
  co_await stream->close();
  co_await scope.close();
  close(client);
}

TEST(Listener, AcceptsOnUnixSockets) {
  const TemporaryDirectory directory;
  run_on_shard(accept_unix, directory.file("control.sock"));
}

// Lowers the limit of open files while it lives.
class FewFiles {
 public:
  explicit FewFiles(rlim_t limit) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lowered{.rlim_cur = limit, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &lowered);
  }
  FewFiles(const FewFiles&) = delete;
  FewFiles& operator=(const FewFiles&) = delete;
  ~FewFiles() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

Task<void> run_out_of_files(Shard& shard) {
  auto listening = ListenSocket::bind_tcp(loopback());
  Taken taken(shard);
  TaskScope scope(shard.run_queue());
  const auto take = [&taken](Accepted accepted) { taken.take(accepted); };
  scope.spawn(accept_connections(shard, *listening, take));
  const int client = connect_to(listening->endpoint());
  const Counter& pauses = shard.metrics().counter("sluice_core_accept_pauses_total", "");
  {
    const FewFiles few(static_cast<rlim_t>(client) + 1);
    while (pauses.value() == 0) co_await yield(shard);
    EXPECT_TRUE(taken.all.empty());
  }
  co_await wait_for(taken, 1, soon(shard));
  EXPECT_LE(pauses.value(), 2u);  // it paused instead of trying all the time
  co_await scope.close();
  close(client);
}

TEST(Listener, PausesWhenOpenFilesRunOut) { run_on_shard(run_out_of_files); }

TEST(ListenSocket, SaysWhichPortIsTaken) {
  const auto first = ListenSocket::bind_tcp(loopback());
  ASSERT_TRUE(first);
  EXPECT_NE(first->endpoint().port, 0);
  const auto second = ListenSocket::bind_tcp(first->endpoint());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::refused);
  EXPECT_NE(second.error().sentence().find(first->endpoint().to_string()), std::string::npos);
  EXPECT_NE(second.error().sentence().find("the port is taken"), std::string::npos);
}

TEST(ListenSocket, SaysThatAnAddressIsNotOurs) {
  const auto bound = ListenSocket::bind_tcp(*Endpoint::parse("192.0.2.1:2525"));
  ASSERT_FALSE(bound);
  EXPECT_NE(bound.error().sentence().find("no such address"), std::string::npos);
}

TEST(ListenSocket, UnixSocketsAreForOwnerAndGroup) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("control.sock");
  {
    const auto bound = ListenSocket::bind_unix(path);
    ASSERT_TRUE(bound);
    struct stat status{};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0660u);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ListenSocket, ReplacesAStaleSocketButNotOneInUse) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("control.sock");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  close(stale);
  ASSERT_TRUE(std::filesystem::exists(path));
  const auto first = ListenSocket::bind_unix(path);
  ASSERT_TRUE(first) << first.error().sentence();
  const auto second = ListenSocket::bind_unix(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::refused);
}

TEST(ListenSocket, LeavesAFileThatIsNoSocketAlone) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("precious");
  std::ofstream(path) << "data";
  const auto bound = ListenSocket::bind_unix(path);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().code(), ErrorCode::already_exists);
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

TEST(ListenSocket, BoundsThePathOfASocket) {
  const TemporaryDirectory directory;
  const std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  const std::string base = directory.file("");
  const std::string path = base + std::string(longest - base.size(), 'x');
  EXPECT_TRUE(ListenSocket::bind_unix(path));
  const auto too_long = ListenSocket::bind_unix(path + "x");
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code(), ErrorCode::invalid_argument);
  EXPECT_FALSE(ListenSocket::bind_unix(""));
}

TEST(OpenFiles, RaisesTheLimitUpToWhatTheSystemAllows) {
  const FewFiles few(64);
  const auto raised = raise_open_files(128);
  ASSERT_TRUE(raised);
  EXPECT_EQ(*raised, 128u);
  const auto kept = raise_open_files(100);
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept, 128u);
}

TEST(OpenFiles, SaysWhatToDoWhenTheSystemAllowsLess) {
  const auto refused = raise_open_files(std::uint64_t{1} << 40);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::refused);
  EXPECT_NE(refused.error().sentence().find("ulimit -n"), std::string::npos);
}

}  // namespace
}  // namespace sluice
