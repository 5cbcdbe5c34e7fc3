// ServiceManager: what the process tells systemd, or whatever else gave it NOTIFY_SOCKET: that it
// is ready, what it does, that it stops, and that it is alive.
//
// Each is one datagram to a Unix socket (sd_notify(3)). Without NOTIFY_SOCKET nothing is sent.
// Sending never waits: a manager that does not read loses what it was told. Lives on shard 0.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/task_scope.h"
#include "core/units.h"

namespace sluice {
class Shard;
}

namespace sluice::relay {

// What the manager put into the environment.
struct ServiceEnvironment {
  std::string socket;                // a path, or @ and an abstract name; empty: nobody listens
  std::optional<Duration> watchdog;  // within which it wants to hear that we are alive

  static ServiceEnvironment read();
};

class ServiceManager {
 public:
  // Asks everything that must be alive, and returns when all of it has answered: its state in a
  // sentence. As long as something does not answer, it does not return.
  using AskAll = std::function<Task<Result<std::string>>()>;

  ServiceManager(Shard& shard, ServiceEnvironment environment, AskAll ask_all);
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;
  ~ServiceManager();

  // Says that the relay is ready, and from now on what its state is; where there is a watchdog,
  // twice within its time that it is alive: each time after everything answered anew.
  void start();

  // Says that the relay stops; the watchdog goes on until stop().
  void say_stopping();

  Task<void> stop();

 private:
  Task<void> report();
  void send(std::string_view message);

  Shard& shard_;
  ServiceEnvironment environment_;
  AskAll ask_all_;
  int descriptor_ = -1;
  std::string last_status_;
  TaskScope scope_;
};

}  // namespace sluice::relay
