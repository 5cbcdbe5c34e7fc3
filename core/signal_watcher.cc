#include "core/signal_watcher.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "core/assert.h"

namespace sluice {
namespace {

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void SignalWatcher::block_signals() {
  const sigset_t set = watched_signals();
  const int status = pthread_sigmask(SIG_BLOCK, &set, nullptr);
  SLUICE_ASSERT(status == 0, "blocking known signals cannot fail");
}

Result<std::unique_ptr<SignalWatcher>> SignalWatcher::open() {
  const sigset_t set = watched_signals();
  const int signals = signalfd(-1, &set, SFD_CLOEXEC);
  if (signals < 0) return std::unexpected(system_error("signalfd", errno));
  const int wake = eventfd(0, EFD_CLOEXEC);
  if (wake < 0) {
    const int reason = errno;
    close(signals);
    return std::unexpected(system_error("eventfd", reason));
  }
  return std::unique_ptr<SignalWatcher>(new SignalWatcher(signals, wake));
}

void SignalWatcher::watch(std::function<void(int signal)> on_signal) {
  SLUICE_ASSERT(!thread_.joinable(), "watch once");
  on_signal_ = std::move(on_signal);
  thread_ = std::thread([this] { run(); });
}

SignalWatcher::~SignalWatcher() {
  const std::uint64_t one = 1;
  const auto written = write(wake_, &one, sizeof one);
  SLUICE_ASSERT(written == sizeof one, "an eventfd that is written once takes it");
  if (thread_.joinable()) thread_.join();
  close(signals_);
  close(wake_);
}

void SignalWatcher::run() {
  std::array<pollfd, 2> sources = {{{.fd = signals_, .events = POLLIN, .revents = 0},
                                    {.fd = wake_, .events = POLLIN, .revents = 0}}};
  for (;;) {
    if (poll(sources.data(), sources.size(), -1) < 0) continue;  // EINTR
    if (sources[1].revents != 0) return;
    signalfd_siginfo info{};
    if (read(signals_, &info, sizeof info) != sizeof info) continue;
    on_signal_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace sluice
