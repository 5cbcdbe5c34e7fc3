// SignalWatcher: the signals of the process, told one by one on a thread of their own.
//
// SIGTERM, SIGINT and SIGHUP. They are blocked in every thread, so that no system call of a shard
// is interrupted, and read from a descriptor.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "core/error.h"

namespace sluice {

class SignalWatcher {
 public:
  // Blocks the signals in the calling thread. Before any other thread starts: they inherit it.
  static void block_signals();

  static Result<std::unique_ptr<SignalWatcher>> open();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;
  ~SignalWatcher();  // ends the thread

  // Starts the thread that tells the signals. Call it once.
  void watch(std::function<void(int signal)> on_signal);

 private:
  SignalWatcher(int signals, int wake) : signals_(signals), wake_(wake) {}
  void run();

  int signals_;  // signalfd
  int wake_;     // eventfd: the end
  std::function<void(int signal)> on_signal_;
  std::thread thread_;
};

}  // namespace sluice
