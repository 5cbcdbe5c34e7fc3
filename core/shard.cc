#include "core/shard.h"

#include <algorithm>
#include <utility>

#include "core/ring.h"
#include "core/wait.h"

namespace sluice {

namespace {

// A full mailbox of another shard is looked at again after that long.
constexpr Duration kFullMailboxPause = std::chrono::milliseconds(1);

class SleepWait final : public Wait {
 public:
  using Wait::Wait;
};

struct Yield {
  RunQueue& run_queue;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> task) const { run_queue.push(task); }
  void await_resume() const noexcept {}
};

}  // namespace

Result<std::unique_ptr<Shard>> Shard::open(ShardId id, std::uint64_t random_seed) {
  return open(id, random_seed, RingSettings{});
}

Result<std::unique_ptr<Shard>> Shard::open(ShardId id, std::uint64_t random_seed,
                                           const RingSettings& settings) {
  SLUICE_TRY(ring, Ring::open(settings));
  return std::unique_ptr<Shard>(new Shard(id, random_seed, std::move(ring)));
}

Shard::Shard(ShardId id, std::uint64_t random_seed, std::unique_ptr<Ring> ring)
    : id_(id),
      thread_(std::this_thread::get_id()),
      timers_(clock_.now()),
      random_(random_seed),
      ring_(std::move(ring)),
      mailbox_(std::make_unique<Mailbox>([this] { ring_->wake(); })),
      starved_receives_(metrics_.counter("sluice_core_receives_starved_total",
                                         "Receives that found no free buffer and had to wait.")),
      main_scope_(run_queue_),
      scope_(run_queue_) {}

Shard::~Shard() {
  SLUICE_ASSERT(is_current(), "a shard ends on its own thread");
  SLUICE_ASSERT(sockets() == 0, "every socket was closed before its shard ends");
}

void Shard::run(Task<void> main) {
  SLUICE_ASSERT(is_current(), "a shard runs on the thread that opened it");
  main_scope_.spawn(std::move(main));
  while (true) {
    run_ready();
    if (!has_tasks()) return;
    wait_for_events();
  }
}

void Shard::linger(const std::atomic<bool>& is_over) {
  SLUICE_ASSERT(is_current(), "a shard runs on the thread that opened it");
  while (true) {
    run_ready();
    if (is_over.load(std::memory_order_acquire) && !has_tasks()) return;
    wait_for_events();
  }
}

// Runs everything that is ready.
void Shard::run_ready() {
  mailbox_->drain();
  timers_.advance(clock_.now());
  run_queue_.run();
}

// One system call submits what the tasks asked for and brings what has come meanwhile.
void Shard::wait_for_events() {
  ring_->turn(time_to_sleep());
  starved_receives_.add(ring_->starved_receives() - starved_receives_.value());
}

Duration Shard::time_to_sleep() {
  const bool is_flushed = flush_outboxes();
  if (!run_queue_.empty() || !mailbox_->prepare_sleep()) return Duration::zero();
  const Duration wait_max = is_flushed ? Duration::max() : kFullMailboxPause;
  const Instant next = timers_.next();
  if (next == Instant::far_future()) return wait_max;
  return std::clamp(next - clock_.now(), Duration::zero(), wait_max);
}

bool Shard::flush_outboxes() {
  bool is_flushed = true;
  for (const auto& entry : outboxes_) is_flushed = entry->second.flush() && is_flushed;
  return is_flushed;
}

Outbox& Shard::outbox_to(Mailbox& mailbox) {
  SLUICE_ASSERT(is_current(), "an outbox is used by one thread");
  for (const auto& entry : outboxes_) {
    if (entry->first == &mailbox) return entry->second;
  }
  outboxes_.push_back(std::make_unique<std::pair<Mailbox*, Outbox>>(&mailbox, Outbox(mailbox)));
  return outboxes_.back()->second;
}

Task<Result<void>> sleep_until(Shard& shard, Deadline deadline) {
  SleepWait wait(shard, deadline);
  const WaitEnd end = co_await wait;
  if (end == WaitEnd::cancelled) co_return wait_error(end, "sleep");
  co_return Result<void>{};
}

Task<void> yield(Shard& shard) {
  const Yield turn{shard.run_queue()};
  co_await turn;
}

}  // namespace sluice
