#include "relay/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "core/event.h"
#include "tests/unit/core/shard_fixture.h"

namespace sluice::relay {
namespace {

// A NOTIFY_SOCKET with an abstract name of this process.
class Manager {
 public:
  Manager() : name_("@sluice-test-" + std::to_string(getpid())) {
    descriptor_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name_.data() + 1, name_.size() - 1);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    EXPECT_EQ(bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), length), 0);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() { close(descriptor_); }

  const std::string& name() const { return name_; }
  std::vector<std::string> heard() {
    std::vector<std::string> messages;
    std::array<char, 512> buffer{};
    for (;;) {
      const ssize_t got = recv(descriptor_, buffer.data(), buffer.size(), 0);
      if (got < 0) return messages;
      messages.emplace_back(buffer.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  std::string name_;
  int descriptor_;
};

using Messages = std::vector<std::string>;

// Everything that is asked answers at once, until it is stuck.
struct Watched {
  explicit Watched(Shard& shard) : asked(shard), answered(shard) {}

  Task<Result<std::string>> ask() {
    ++questions;
    asked.notify_all();
    while (is_stuck) {
      auto told = co_await answered.wait(Deadline::never());
      if (!told) co_return std::unexpected(std::move(told).error());
    }
    co_return "working";
  }

  Event asked;
  Event answered;
  int questions = 0;
  bool is_stuck = false;
};

Task<void> wait_for_question(Watched& watched, int number, Deadline deadline) {
  while (watched.questions < number) {
    auto told = co_await watched.asked.wait(deadline);
    EXPECT_TRUE(told.has_value()) << "question " << number << " was not asked";
    if (!told) co_return;
  }
}

Task<void> feed_and_get_stuck(Shard& shard) {
  Manager manager;
  Watched watched(shard);
  ServiceEnvironment environment{.socket = manager.name(),
                                 .watchdog = std::chrono::milliseconds(20)};
  ServiceManager service(shard, std::move(environment), [&watched] { return watched.ask(); });
  const Deadline deadline = soon(shard);
  service.start();
  EXPECT_EQ(manager.heard(), (Messages{"READY=1", "STATUS=working", "WATCHDOG=1"}));
  watched.is_stuck = true;
  co_await wait_for_question(watched, 2, deadline);
  EXPECT_EQ(manager.heard(), Messages());
  watched.is_stuck = false;
  watched.answered.notify_all();
  co_await wait_for_question(watched, 3, deadline);
  EXPECT_EQ(manager.heard(), (Messages{"WATCHDOG=1", "WATCHDOG=1"}));
  service.say_stopping();
  EXPECT_EQ(manager.heard(), Messages{"STOPPING=1"});
  co_await service.stop();
}

TEST(ServiceManager, FeedsTheWatchdogOnlyAfterEverythingAnswered) {
  run_on_shard(feed_and_get_stuck);
}

Task<void> stay_silent(Shard& shard) {
  Watched watched(shard);
  ServiceManager service(shard, {}, [&watched] { return watched.ask(); });
  service.start();
  service.say_stopping();
  EXPECT_EQ(watched.questions, 0);
  co_await service.stop();
}

TEST(ServiceManager, IsSilentWithoutASocket) { run_on_shard(stay_silent); }

// Sets variables of the environment for the life of a test.
class Variables {
 public:
  void set(const char* name, const std::string& value) {
    setenv(name, value.c_str(), 1);
    names_.push_back(name);
  }
  ~Variables() {
    for (const char* const name : names_) unsetenv(name);
  }

 private:
  std::vector<const char*> names_;
};

TEST(ServiceEnvironment, IsReadFromItsVariables) {
  Variables variables;
  variables.set("NOTIFY_SOCKET", "/run/x");
  variables.set("WATCHDOG_USEC", "60000000");
  variables.set("WATCHDOG_PID", std::to_string(getpid()));
  const auto environment = ServiceEnvironment::read();
  EXPECT_EQ(environment.socket, "/run/x");
  EXPECT_EQ(environment.watchdog, std::chrono::seconds(60));
}

TEST(ServiceEnvironment, IgnoresAWatchdogOfAnotherProcess) {
  Variables variables;
  variables.set("WATCHDOG_USEC", "60000000");
  variables.set("WATCHDOG_PID", "1");
  EXPECT_FALSE(ServiceEnvironment::read().watchdog.has_value());
}

TEST(ServiceEnvironment, IgnoresAWatchdogThatIsNoNumber) {
  for (const char* const text : {"", "x", "60x", "-1", "0", "99999999999999999999"}) {
    Variables variables;
    variables.set("WATCHDOG_USEC", text);
    EXPECT_FALSE(ServiceEnvironment::read().watchdog.has_value()) << text;
  }
}

}  // namespace
}  // namespace sluice::relay
