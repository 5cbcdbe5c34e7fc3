// Shard: one thread, one ring, one loop. Everything that lives on a shard is touched by its thread
// alone; other threads send letters.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/mailbox.h"
#include "core/metrics.h"
#include "core/random.h"
#include "core/run_queue.h"
#include "core/task_scope.h"
#include "core/timer_wheel.h"

namespace sluice {

class Ring;
struct RingSettings;

class Shard {
 public:
  // Opens the ring. unsupported when the kernel lacks or forbids io_uring: the sentence says what
  // to change. Called on the thread that will run it.
  static Result<std::unique_ptr<Shard>> open(ShardId id, std::uint64_t random_seed);
  static Result<std::unique_ptr<Shard>> open(ShardId id, std::uint64_t random_seed,
                                             const RingSettings& settings);
  ~Shard();

  ShardId id() const { return id_; }
  const Clock& clock() const { return clock_; }
  RunQueue& run_queue() { return run_queue_; }
  TimerWheel& timers() { return timers_; }
  Ring& ring() { return *ring_; }
  const Ring& ring() const { return *ring_; }
  Mailbox& mailbox() { return *mailbox_; }  // the one member for any thread
  Random& random() { return random_; }
  MetricRegistry& metrics() { return metrics_; }  // this shard's; read by others when scraped
  TaskScope& scope() { return scope_; }           // the shard's own tasks

  // Runs `main` and the loop until main and every task of scope() ended.
  void run(Task<void> main);

  // After run(): keeps answering letters until `is_over`, so that shards that still run find it.
  // Whoever sets `is_over` wakes the ring.
  void linger(const std::atomic<bool>& is_over);

  // An outbox that the loop flushes every turn; `mailbox` outlives the shard's loop.
  Outbox& outbox_to(Mailbox& mailbox);

  // Sockets that exist on this shard; streams count themselves. May be read from any thread, to
  // find the least loaded shard.
  std::size_t sockets() const { return sockets_.load(std::memory_order_relaxed); }
  void count_socket(int change) {
    sockets_.store(sockets() + static_cast<std::size_t>(change), std::memory_order_relaxed);
  }

  bool is_current() const { return std::this_thread::get_id() == thread_; }

 private:
  Shard(ShardId id, std::uint64_t random_seed, std::unique_ptr<Ring> ring);
  bool has_tasks() const { return main_scope_.size() + scope_.size() > 0 || !run_queue_.empty(); }
  void run_ready();
  void wait_for_events();
  Duration time_to_sleep();
  bool flush_outboxes();  // true when nothing is left

  ShardId id_;
  Clock clock_;
  std::thread::id thread_;
  RunQueue run_queue_;
  TimerWheel timers_;
  Random random_;
  MetricRegistry metrics_;
  std::unique_ptr<Ring> ring_;
  std::unique_ptr<Mailbox> mailbox_;
  std::atomic<std::size_t> sockets_{0};
  Counter& starved_receives_;
  TaskScope main_scope_;
  TaskScope scope_;
  std::vector<std::unique_ptr<std::pair<Mailbox*, Outbox>>> outboxes_;
};

// Waits until the deadline, or returns cancelled.
Task<Result<void>> sleep_until(Shard& shard, Deadline deadline);

// Lets the others run: back after one turn of the loop.
Task<void> yield(Shard& shard);

}  // namespace sluice
