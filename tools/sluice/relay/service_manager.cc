#include "relay/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/assert.h"
#include "core/log.h"
#include "core/shard.h"

namespace sluice::relay {
namespace {

constexpr Duration kStatusEvery = std::chrono::seconds(10);
constexpr Duration kPauseMin = std::chrono::milliseconds(10);

std::optional<std::int64_t> number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  std::int64_t number = 0;
  const char* const end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, number);
  if (error != std::errc() || stopped != end || number <= 0) return std::nullopt;
  return number;
}

}  // namespace

ServiceEnvironment ServiceEnvironment::read() {
  ServiceEnvironment environment;
  if (const char* const socket = std::getenv("NOTIFY_SOCKET")) environment.socket = socket;
  const auto microseconds = number_in("WATCHDOG_USEC");
  // sd_watchdog_enabled(3): the watchdog may be meant for another process.
  const auto process = number_in("WATCHDOG_PID");
  const bool is_ours = !process || *process == getpid();
  if (microseconds && is_ours) environment.watchdog = std::chrono::microseconds(*microseconds);
  return environment;
}

ServiceManager::ServiceManager(Shard& shard, ServiceEnvironment environment, AskAll ask_all)
    : shard_(shard),
      environment_(std::move(environment)),
      ask_all_(std::move(ask_all)),
      scope_(shard.run_queue()) {
  if (environment_.socket.empty()) return;
  descriptor_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) SLUICE_LOG(warning, "service_manager_lost", {"error", std::strerror(errno)});
}

ServiceManager::~ServiceManager() {
  if (descriptor_ >= 0) close(descriptor_);
}

void ServiceManager::send(std::string_view message) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = environment_.socket;
  if (descriptor_ < 0 || path.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path.starts_with('@')) address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const auto sent = sendto(descriptor_, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), length);
  if (sent < 0) SLUICE_LOG(warning, "service_manager_lost", {"error", std::strerror(errno)});
}

void ServiceManager::start() {
  SLUICE_ASSERT(shard_.is_current(), "shard 0 speaks for all");
  if (descriptor_ < 0) return;
  send("READY=1");
  scope_.spawn(report());
}

void ServiceManager::say_stopping() { send("STOPPING=1"); }

Task<void> ServiceManager::stop() { co_await scope_.close(); }

Task<void> ServiceManager::report() {
  // sd_watchdog_enabled(3): half of the time, so that one late turn is no death.
  const Duration pause =
      std::clamp(environment_.watchdog.value_or(kStatusEvery * 2) / 2, kPauseMin, kStatusEvery);
  for (;;) {
    auto state = co_await ask_all_();
    if (!state) co_return;  // cancelled
    if (*state != last_status_) send("STATUS=" + *state);
    last_status_ = *std::move(state);
    if (environment_.watchdog) send("WATCHDOG=1");
    const Deadline next = Deadline::in(shard_.clock(), pause);
    if (!co_await sleep_until(shard_, next)) co_return;
  }
}

}  // namespace sluice::relay
