// OffloadPool: runs what would hold up a shard, such as an RSA signature, on threads of its own.
//
// First come, first served; bounded by the tasks that wait, each of which has one piece of work.
// The pool outlives the tasks that ask, and stop() ends its threads before their shards are
// destroyed. run() is for any shard.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/executor.h"
#include "core/mailbox.h"
#include "core/task.h"

namespace sluice {

class Shard;

class OffloadPool {
 public:
  // `name` (at most 15 bytes) shows in ps and top.
  OffloadPool(const std::string& name, std::size_t threads);
  OffloadPool(const OffloadPool&) = delete;
  OffloadPool& operator=(const OffloadPool&) = delete;
  ~OffloadPool();  // asserts that nobody waits

  // Returns when the work is done. It cannot be cancelled meanwhile, so that what the work borrows
  // from the task stays valid.
  Task<void> run(Shard& shard, std::function<void()> work);

  // Ends the threads: one of them may still be looking at the mailbox of the shard that it answered
  // last. Nobody may ask any more.
  void stop();

 private:
  struct Request;
  // What one thread has of its own.
  struct Bench {
    std::unique_ptr<Worker> worker;
    Outboxes outboxes;
  };
  Instant step(Bench& bench);
  Request* take();

  Clock clock_;
  std::mutex mutex_;  // guards what follows
  std::deque<Request*> waiting_;

  Executor executor_;
  std::vector<std::unique_ptr<Bench>> benches_;
};

}  // namespace sluice
