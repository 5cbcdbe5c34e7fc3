// ShardGroup: the shards of the process, each on its own thread.
//
// The threads are pinned to their cores when there is one for each of the cores that this process
// may use. Fewer are left to the kernel: the programs that share a machine would else meet on its
// first cores.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "core/error.h"
#include "core/shard.h"

namespace sluice {

inline constexpr unsigned kShardsMax = 128;

class ShardGroup {
 public:
  // Starts `count` threads (0: one per core that this process may use) and opens their shards; the
  // first error of any is returned and nothing is left running.
  static Result<std::unique_ptr<ShardGroup>> start(unsigned count, std::uint64_t random_seed);
  ~ShardGroup();  // asserts that run() returned

  std::size_t size() const;
  Shard& at(ShardId id);

  // Runs main(shard) on every shard and returns when all have ended. Call it once, from the
  // thread that started the group; it does not run a shard itself.
  void run(const std::function<Task<void>(Shard&)>& main);

  // From any thread: runs the letter on that shard, soon. May block while its mailbox is full,
  // so shards use Outboxes among themselves.
  void post(ShardId id, Letter letter);

 private:
  struct Thread;
  ShardGroup();
  void live(std::size_t index, std::uint64_t seed);
  void end_one();

  std::vector<std::unique_ptr<Thread>> threads_;
  std::atomic<std::size_t> running_{0};  // shards that have not ended
  std::atomic<bool> is_over_{false};
};

}  // namespace sluice
