#include "core/listener.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "core/event.h"
#include "tests/unit/core/few_files.h"
#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/core/temporary_directory.h"

namespace sluice {
namespace {

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

}  // namespace
}  // namespace sluice
