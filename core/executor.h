// Executor: runs what may block (LMDB, later password hashing and policy fetches) off the shards.
//
// A Worker is one thread that calls its step function again and again. A step does one bounded
// piece of work and returns when it wants to be called next; wake() calls it sooner. Because work
// is cut into steps, the simulation can run every worker on its one thread (the seam of
// docs/architecture.md: executor.cc is replaced at link time).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/clock.h"

namespace sluice {

// Returns the instant of the next call: now or earlier for at once, Instant::far_future() to
// sleep until wake().
using WorkerStep = std::function<Instant()>;

class Worker {
 public:
  Worker() = default;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  virtual ~Worker() = default;

  // From any thread: the step is called soon. A wake during a step causes one more call.
  virtual void wake() = 0;

  // Ends the thread after the step that runs, and joins it. Call it before destruction.
  virtual void stop() = 0;
};

class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Starts a worker thread; `name` (at most 15 bytes) shows in ps and top.
  std::unique_ptr<Worker> start(std::string name, WorkerStep step);
};

}  // namespace sluice
