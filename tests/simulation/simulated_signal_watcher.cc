// SignalWatcher's twin: a simulation sends a signal by calling who watches.
#include <utility>

#include "core/signal_watcher.h"
#include "tests/simulation/signals.h"

namespace sluice {

namespace {

std::function<void(int)> watcher;  // of the relay that runs; a signal belongs to the whole process

}  // namespace

void SignalWatcher::block_signals() {}

Result<std::unique_ptr<SignalWatcher>> SignalWatcher::open() {
  return std::unique_ptr<SignalWatcher>(new SignalWatcher(-1, -1));
}

void SignalWatcher::watch(std::function<void(int signal)> on_signal) {
  watcher = std::move(on_signal);
}

SignalWatcher::~SignalWatcher() { watcher = nullptr; }

namespace simulation {

bool send_signal(int signal) {
  if (watcher == nullptr) return false;
  watcher(signal);
  return true;
}

void forget_signals() { watcher = nullptr; }

}  // namespace simulation

}  // namespace sluice
