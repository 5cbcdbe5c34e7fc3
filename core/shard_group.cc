#include "core/shard_group.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "core/assert.h"
#include "core/thread_setup.h"

namespace sluice {

// One thread and its shard. The shard lives on the thread's stack of calls from opened to told to
// end, so that the others may send it letters until all have ended.
struct ShardGroup::Thread {
  enum class Phase : std::uint8_t { opening, open, running, ended, leaving };

  void live(ShardId id, unsigned core, std::uint64_t seed);
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

void ShardGroup::Thread::set(Phase next) {
  const std::lock_guard lock(mutex);
  phase = next;
  changed.notify_all();
}

// Waits until the phase is later than `current`.
ShardGroup::Thread::Phase ShardGroup::Thread::wait_past(Phase current) {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return phase > current; });
  return phase;
}

void ShardGroup::Thread::live(ShardId id, unsigned core, std::uint64_t seed) {
  set_up_thread("shard-" + std::to_string(id.value()));
  pin_thread(core);
  auto opened = Shard::open(id, seed);
  if (!opened) {
    error = std::move(opened).error();
    set(Phase::ended);
    return;
  }
  shard = std::move(*opened);
  set(Phase::open);
  if (wait_past(Phase::open) == Phase::running) {
    shard->run(main(*shard));
    set(Phase::ended);
    wait_past(Phase::ended);
  }
  shard.reset();
}

ShardGroup::ShardGroup() = default;

ShardGroup::~ShardGroup() {
  for (const auto& thread : threads_) thread->set(Thread::Phase::leaving);
  for (const auto& thread : threads_) thread->thread.join();
}

Result<std::unique_ptr<ShardGroup>> ShardGroup::start(unsigned count, std::uint64_t random_seed) {
  const std::vector<unsigned> cores = usable_cores();
  SLUICE_ASSERT(!cores.empty(), "a process may use at least one core");
  if (count == 0) count = std::min(static_cast<unsigned>(cores.size()), kShardsMax);
  SLUICE_ASSERT(count <= kShardsMax, "the configuration bounds the number of shards");
  std::unique_ptr<ShardGroup> group(new ShardGroup);
  Random seeds(random_seed);
  for (unsigned i = 0; i < count; ++i) {
    group->threads_.push_back(std::make_unique<Thread>());
    Thread& thread = *group->threads_.back();
    thread.thread = std::thread(
        [&thread, id = ShardId(static_cast<std::uint16_t>(i)), core = cores[i % cores.size()],
         seed = seeds.next()] { thread.live(id, core, seed); });
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

void ShardGroup::run(std::function<Task<void>(Shard&)> main) {
  for (const auto& thread : threads_) {
    thread->main = main;
    thread->set(Thread::Phase::running);
  }
  for (const auto& thread : threads_) thread->wait_past(Thread::Phase::running);
}

void ShardGroup::post(ShardId id, Letter letter) {
  while (!at(id).mailbox().try_send(letter)) std::this_thread::yield();
}

}  // namespace sluice
