// Scheduler: the one that lets anything happen in a simulation, one thing at a time.
//
// Threads of the relay (its main thread and the shards) are real threads, so that the asserts on
// who may touch what mean what they mean in production; but only the one that was handed the baton
// runs, until it waits. Workers are step functions and events are calls: both run on the
// scheduler's own thread. Among what may run now, chance decides; when nothing may, time moves to
// the next instant anybody waits for. The same seed gives the same run, and the trace proves it.
//
// A crash is abandon(): nobody is handed the baton again. What the threads held is leaked, as a
// process's memory is; the process of a seed ends by _exit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/executor.h"
#include "core/random.h"
#include "core/units.h"

namespace sluice::simulation {

// A thread of the relay that runs when it is handed the baton.
class SimulatedThread {
 public:
  SimulatedThread(std::string name, std::function<void()> body);

  // On the thread itself: gives the baton back until `until` or wake().
  void wait(Instant until);
  // By whoever has the baton.
  void wake() { is_woken_ = true; }
  bool has_ended() const { return has_ended_; }

 private:
  friend class Scheduler;
  void run();

  std::string name_;
  std::function<void()> body_;
  std::binary_semaphore may_run_{0};
  std::binary_semaphore has_stopped_{0};
  Instant until_{0};
  bool is_woken_ = true;
  bool has_ended_ = false;
};

// What a Worker of the seam is here.
struct SimulatedWorker {
  std::string name;
  WorkerStep step;
  Instant due = Instant::far_future();
  bool is_stopped = false;
};

class Scheduler {
 public:
  explicit Scheduler(std::uint64_t seed);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  Instant now() const;
  WallTime wall() const;
  Random& random() { return random_; }
  bool chance(double probability) { return random_.fraction() < probability; }
  // Between the two, the short ones more likely.
  Duration some_time(Duration least, Duration most);

  SimulatedThread& start_thread(std::string name, std::function<void()> body);
  SimulatedWorker& start_worker(std::string name, WorkerStep step);
  void wake_worker(SimulatedWorker& worker);
  void after(Duration delay, std::function<void()> event);

  // How long a step of the spool's threads may be held up: the disk is slow.
  void set_disk_delay_max(Duration delay) { disk_delay_max_ = delay; }

  // Lets things happen until `is_over`. False when everybody waits and nobody for a time: then
  // nothing would ever happen again.
  bool run_until(const std::function<bool()>& is_over);

  // Nothing that runs or waits now is ever run again, save the events that survive: those of the
  // world outside the relay.
  void abandon_relay();

  // Threads and workers of the relay that have not ended.
  std::size_t relay_parts() const;

  // The thread that has the baton; null on the scheduler's own.
  SimulatedThread* current() { return current_; }

  // What happened, in order: compared between runs of one seed, printed with --trace.
  void note(std::string_view what, std::uint64_t number = 0, std::uint64_t detail = 0);
  void print_trace(bool is_printed) { is_trace_printed_ = is_printed; }
  std::uint64_t trace_hash() const { return trace_hash_; }
  std::uint64_t steps() const { return steps_; }

 private:
  struct Event {
    Instant when;
    std::uint64_t number;
    std::function<void()> act;
  };
  static bool is_later(const Event& a, const Event& b);
  void collect_runnable();
  void run_one();
  void resume(SimulatedThread& thread);
  void step(SimulatedWorker& worker);
  void act_on_event();
  Instant next_instant() const;
  void set_now(Instant now);

  Random random_;
  std::vector<SimulatedThread*> threads_;  // that have not ended
  std::vector<SimulatedWorker*> workers_;
  // Until the end of the simulation: one that was abandoned waits for the baton for ever, and a
  // relay that crashed still refers to its workers.
  std::vector<std::unique_ptr<SimulatedThread>> owned_threads_;
  std::vector<std::unique_ptr<SimulatedWorker>> owned_workers_;
  std::vector<Event> events_;  // a heap, the earliest first
  std::uint64_t events_made_ = 0;
  SimulatedThread* current_ = nullptr;
  Duration disk_delay_max_ = std::chrono::microseconds(200);

  std::vector<SimulatedThread*> runnable_threads_;
  std::vector<SimulatedWorker*> runnable_workers_;
  bool is_event_due_ = false;

  std::uint64_t trace_hash_ = 0;
  std::uint64_t steps_ = 0;
  bool is_trace_printed_ = false;
};

// The scheduler of this process: the twins of the seam are called without any argument that could
// name it.
Scheduler& scheduler();

}  // namespace sluice::simulation
