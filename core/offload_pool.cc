#include "core/offload_pool.h"

#include <utility>

#include "core/assert.h"
#include "core/completion.h"
#include "core/shard.h"

namespace sluice {

namespace {

constexpr Duration kRetry = std::chrono::milliseconds(1);  // of a full mailbox

struct Done {};

}  // namespace

// Lies in the frame of the task that waits.
struct OffloadPool::Request {
  Request(Shard& asking, std::function<void()> asked)
      : mailbox(asking.mailbox()), work(std::move(asked)), done(asking) {}
  Mailbox& mailbox;
  std::function<void()> work;
  Completion<Done> done;
};

OffloadPool::OffloadPool(const std::string& name, std::size_t threads) {
  SLUICE_ASSERT(threads > 0, "somebody does the work");
  for (std::size_t i = 0; i < threads; ++i) {
    Bench& bench = *benches_.emplace_back(std::make_unique<Bench>());
    bench.worker = executor_.start(name, [this, &bench] { return step(bench); });
  }
}

OffloadPool::~OffloadPool() {
  stop();
  SLUICE_ASSERT(waiting_.empty(), "the tasks that ask end before their pool");
}

void OffloadPool::stop() {
  for (const auto& bench : benches_) bench->worker->stop();
}

Task<void> OffloadPool::run(Shard& shard, std::function<void()> work) {
  Request request(shard, std::move(work));
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(&request);
  }
  for (const auto& bench : benches_) bench->worker->wake();
  co_await request.done.wait();
}

OffloadPool::Request* OffloadPool::take() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) return nullptr;
  Request* const first = waiting_.front();
  waiting_.pop_front();
  return first;
}

// One piece of work at a time.
Instant OffloadPool::step(Bench& bench) {
  Request* const request = take();
  if (request != nullptr) {
    request->work();
    bench.outboxes.send(request->mailbox, [request] { request->done.complete({}); });
  }
  if (!bench.outboxes.flush()) return clock_.now() + kRetry;
  return request != nullptr ? clock_.now() : Instant::far_future();
}

}  // namespace sluice
