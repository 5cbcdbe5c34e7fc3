// Executor's twin: the scheduler calls the steps, late and in any order.
#include <utility>

#include "core/assert.h"
#include "core/executor.h"
#include "tests/simulation/scheduler.h"

namespace sluice {

namespace {

class SteppedWorker final : public Worker {
 public:
  SteppedWorker(std::string name, WorkerStep step)
      : worker_(simulation::scheduler().start_worker(std::move(name), std::move(step))) {}
  ~SteppedWorker() override {
    SLUICE_ASSERT(worker_.is_stopped, "a worker is stopped before it is destroyed");
  }

  void wake() override {
    if (!worker_.is_stopped) simulation::scheduler().wake_worker(worker_);
  }
  void stop() override {
    worker_.is_stopped = true;
    worker_.due = Instant::far_future();
  }

 private:
  simulation::SimulatedWorker& worker_;
};

}  // namespace

std::unique_ptr<Worker> Executor::start(std::string name, WorkerStep step) {
  SLUICE_ASSERT(step != nullptr, "a worker has something to do");
  return std::make_unique<SteppedWorker>(std::move(name), std::move(step));
}

}  // namespace sluice
