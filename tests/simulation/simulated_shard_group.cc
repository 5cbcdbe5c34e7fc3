// ShardGroup's twin: each shard runs on a simulated thread. As in the real one, a shard lives until
// the whole group has ended, so that the others may send it letters until then.
#include <string>
#include <utility>

#include "core/assert.h"
#include "core/random.h"
#include "core/ring.h"
#include "core/shard_group.h"
#include "tests/simulation/scheduler.h"

namespace sluice {

using simulation::scheduler;
using simulation::SimulatedThread;

struct ShardGroup::Thread {
  enum class Phase : std::uint8_t { opening, open, running, ended, leaving, left };

  // Waits, on whatever simulated thread this is, until the phase is at least `wanted`.
  void wait_for(Phase wanted) {
    SimulatedThread* const self = scheduler().current();
    SLUICE_ASSERT(self != nullptr, "the relay's main thread is simulated too");
    while (phase < wanted) {
      waiting = self;
      self->wait(Instant::far_future());
    }
  }
  void set(Phase next) {
    phase = std::max(phase, next);
    if (waiting != nullptr) std::exchange(waiting, nullptr)->wake();
    if (own != nullptr) own->wake();
  }

  Phase phase = Phase::opening;
  SimulatedThread* waiting = nullptr;
  SimulatedThread* own = nullptr;
  std::function<Task<void>(Shard&)> main;
  std::unique_ptr<Shard> shard;
};

void ShardGroup::live(std::size_t index, std::uint64_t seed) {
  Thread& thread = *threads_[index];
  auto opened = Shard::open(ShardId(static_cast<std::uint16_t>(index)), seed);
  SLUICE_ASSERT(opened.has_value(), "a simulated ring opens");
  thread.shard = std::move(*opened);
  thread.set(Thread::Phase::open);
  while (thread.phase < Thread::Phase::running) scheduler().current()->wait(Instant::far_future());
  if (thread.phase == Thread::Phase::running) {
    thread.shard->run(thread.main(*thread.shard));
    end_one();
    thread.shard->linger(is_over_);
    thread.set(Thread::Phase::ended);
    while (thread.phase < Thread::Phase::leaving) {
      scheduler().current()->wait(Instant::far_future());
    }
  }
  thread.shard.reset();
  thread.set(Thread::Phase::left);
}

void ShardGroup::end_one() {
  if (running_.fetch_sub(1) > 1) return;
  is_over_.store(true);
  for (const auto& thread : threads_) thread->shard->ring().wake();
}

ShardGroup::ShardGroup() = default;

ShardGroup::~ShardGroup() {
  SLUICE_ASSERT(running_.load() == 0, "run() has returned, or was never called");
  for (const auto& thread : threads_) thread->set(Thread::Phase::leaving);
  for (const auto& thread : threads_) thread->wait_for(Thread::Phase::left);
}

Result<std::unique_ptr<ShardGroup>> ShardGroup::start(unsigned count, std::uint64_t random_seed) {
  SLUICE_ASSERT(count > 0, "a simulation says how many shards there are");
  std::unique_ptr<ShardGroup> group(new ShardGroup);
  for (unsigned i = 0; i < count; ++i) group->threads_.push_back(std::make_unique<Thread>());
  Random seeds(random_seed);
  for (unsigned i = 0; i < count; ++i) {
    group->threads_[i]->own = &scheduler().start_thread(
        "shard-" + std::to_string(i),
        [&owner = *group, i, seed = seeds.next()] { owner.live(i, seed); });
  }
  for (const auto& thread : group->threads_) thread->wait_for(Thread::Phase::open);
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
  for (const auto& thread : threads_) thread->wait_for(Thread::Phase::ended);
}

void ShardGroup::post(ShardId id, Letter letter) {
  const bool is_sent = at(id).mailbox().try_send(letter);
  SLUICE_ASSERT(is_sent, "a simulated world has fewer letters than a mailbox holds");
}

}  // namespace sluice
