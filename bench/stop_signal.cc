#include "bench/stop_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "core/assert.h"

namespace sluice::bench {

StopSignal::StopSignal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC);
  SLUICE_ASSERT(signals_ >= 0, "a new process has descriptors left");
  SLUICE_ASSERT(wake_ >= 0, "a new process has descriptors left");
}

void StopSignal::watch(std::function<void()> on_stop) {
  thread_ = std::thread([signals = signals_, wake = wake_, on_stop = std::move(on_stop)] {
    std::array<pollfd, 2> waits = {pollfd{.fd = signals, .events = POLLIN, .revents = 0},
                                   pollfd{.fd = wake, .events = POLLIN, .revents = 0}};
    while (poll(waits.data(), waits.size(), -1) >= 0 && (waits[1].revents & POLLIN) == 0) {
      signalfd_siginfo info{};
      if (read(signals, &info, sizeof info) == sizeof info) on_stop();
    }
  });
}

void StopSignal::unwatch() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
  thread_.join();
}

StopSignal::~StopSignal() {
  unwatch();
  close(signals_);
  close(wake_);
}

}  // namespace sluice::bench
