#include "core/shard_group.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "core/assert.h"
#include "core/random.h"
#include "core/ring.h"
#include "core/thread_setup.h"

namespace sluice {

// One thread and its shard, which lives until the whole group ends, so that the others may send it
// letters until then.
struct ShardGroup::Thread {
  enum class Phase : std::uint8_t { opening, open, running, ended, leaving };

  void set(Phase next);
  Phase wait_past(Phase current);

  std::mutex mutex;
  std::condition_variable changed;
  Phase phase = Phase::opening;
  std::optional<Error> error;
  std::function<Task<void>(Shard&)> main;
  std::unique_ptr<Shard> shard;
  std::thread thread;
};

// Phases only go forward: a thread that is told to leave while it opens stays told.
void ShardGroup::Thread::set(Phase next) {
  const std::lock_guard lock(mutex);
  phase = std::max(phase, next);
  changed.notify_all();
}

// Waits until the phase is later than `current`.
ShardGroup::Thread::Phase ShardGroup::Thread::wait_past(Phase current) {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return phase > current; });
  return phase;
}

void ShardGroup::live(std::size_t index, std::uint64_t seed) {
  Thread& thread = *threads_[index];
  set_up_thread("shard-" + std::to_string(index));
  const std::vector<unsigned> cores = usable_cores();
  if (cores.size() == threads_.size()) keep_on_cores({cores[index]});
  const ShardId id(static_cast<std::uint16_t>(index));
  auto opened = Shard::open(id, seed);
  if (!opened) {
    thread.error = std::move(opened).error();
    thread.set(Thread::Phase::ended);
    return;
  }
  thread.shard = std::move(*opened);
  thread.set(Thread::Phase::open);
  if (thread.wait_past(Thread::Phase::open) == Thread::Phase::running) {
    thread.shard->run(thread.main(*thread.shard));
    end_one();
    thread.shard->linger(is_over_);
    thread.set(Thread::Phase::ended);
    thread.wait_past(Thread::Phase::ended);
  }
  thread.shard.reset();
}

// The last shard that ends tells the others, which sleep.
void ShardGroup::end_one() {
  if (running_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  is_over_.store(true, std::memory_order_release);
  for (const auto& thread : threads_) thread->shard->ring().wake();
}

ShardGroup::ShardGroup() = default;

ShardGroup::~ShardGroup() {
  SLUICE_ASSERT(running_.load() == 0, "run() has returned, or was never called");
  for (const auto& thread : threads_) thread->set(Thread::Phase::leaving);
  for (const auto& thread : threads_) thread->thread.join();
}

Result<std::unique_ptr<ShardGroup>> ShardGroup::start(unsigned count, std::uint64_t random_seed) {
  const std::vector<unsigned> cores = usable_cores();
  SLUICE_ASSERT(!cores.empty(), "a process may use at least one core");
  if (count == 0) count = std::min(static_cast<unsigned>(cores.size()), kShardsMax);
  SLUICE_ASSERT(count <= kShardsMax, "the configuration bounds the number of shards");
  std::unique_ptr<ShardGroup> group(new ShardGroup);
  for (unsigned i = 0; i < count; ++i) group->threads_.push_back(std::make_unique<Thread>());
  Random seeds(random_seed);
  for (unsigned i = 0; i < count; ++i) {
    group->threads_[i]->thread =
        std::thread([&owner = *group, i, seed = seeds.next()] { owner.live(i, seed); });
  }
  for (const auto& thread : group->threads_) {
    thread->wait_past(Thread::Phase::opening);
    if (thread->error) return std::unexpected(*thread->error);
  }
  return group;
}

std::size_t ShardGroup::size() const { return threads_.size(); }

Shard& ShardGroup::at(ShardId id) {
  SLUICE_ASSERT(id.value() < threads_.size(), "the shard exists");
  return *threads_[id.value()]->shard;
}

void ShardGroup::run(const std::function<Task<void>(Shard&)>& main) {
  SLUICE_ASSERT(!is_over_.load(), "a group runs once");
  running_.store(threads_.size());
  for (const auto& thread : threads_) {
    thread->main = main;
    thread->set(Thread::Phase::running);
  }
  for (const auto& thread : threads_) thread->wait_past(Thread::Phase::running);
}

void ShardGroup::post(ShardId id, Letter letter) {
  constexpr auto kFullMailboxPause = std::chrono::microseconds(100);
  while (!at(id).mailbox().try_send(letter)) std::this_thread::sleep_for(kFullMailboxPause);
}

}  // namespace sluice
