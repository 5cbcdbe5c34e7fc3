// Shard: one thread, one ring, one loop. Everything that lives on a shard is touched by its thread
// alone; other threads send letters.
#pragma once

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

class Shard {
 public:
  // Opens the ring. unsupported when the kernel lacks or forbids io_uring: the sentence says what
  // to change. Called on the thread that will run it.
  static Result<std::unique_ptr<Shard>> open(ShardId id, std::uint64_t random_seed);
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

  // An outbox that the loop flushes every turn; `mailbox` outlives the shard's loop.
  Outbox& outbox_to(Mailbox& mailbox);

  // Sockets that exist on this shard; streams count themselves.
  std::size_t sockets() const { return sockets_; }
  void count_socket(int change) { sockets_ += static_cast<std::size_t>(change); }

  bool is_current() const { return std::this_thread::get_id() == thread_; }

 private:
  Shard(ShardId id, std::uint64_t random_seed, std::unique_ptr<Ring> ring);
  void turn();
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
  std::size_t sockets_ = 0;
  TaskScope scope_;
  std::vector<std::unique_ptr<std::pair<Mailbox*, Outbox>>> outboxes_;
};

// Waits until the deadline, or returns cancelled.
Task<Result<void>> sleep_until(Shard& shard, Deadline deadline);

// Lets the others run: back after one turn of the loop.
Task<void> yield(Shard& shard);

}  // namespace sluice
