// StopSignal: calls back when SIGTERM or SIGINT arrives, on a thread of its own.
//
// Make it before any other thread starts: it blocks both signals in the calling thread, and threads
// started later inherit that.
#pragma once

#include <csignal>
#include <functional>
#include <thread>

namespace sluice::bench {

class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // From now on `on_stop` is called once per signal, on the watching thread.
  void watch(std::function<void()> on_stop);

  // From now on it is not called any more. Call it before what `on_stop` touches ends.
  void unwatch();

 private:
  int wake_ = -1;     // eventfd that ends the watching thread
  int signals_ = -1;  // signalfd
  std::thread thread_;
};

}  // namespace sluice::bench
