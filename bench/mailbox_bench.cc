// What a letter from shard to shard costs, one at a time and in bursts, beside the same letters
// through a std::queue under a mutex that nobody else wants.
#include "core/mailbox.h"

#include <benchmark/benchmark.h>

#include <mutex>
#include <queue>

namespace sluice {
namespace {

// A letter as the relay sends them: it carries a pointer and a number.
Letter letter(std::uint64_t& sum, std::uint64_t number) {
  return [&sum, number] { sum += number; };
}

void count_letters(benchmark::State& state, std::uint64_t& sum) {
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// The receiver is awake, as it is under load.
void through_mailbox(benchmark::State& state) {
  Mailbox mailbox([] {});
  Outbox outbox(mailbox);
  std::uint64_t sum = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i) outbox.send(letter(sum, 1));
    mailbox.drain();
  }
  count_letters(state, sum);
}
BENCHMARK(through_mailbox)->Arg(1)->Arg(64);

// The receiver was about to sleep: the sender calls the wake-up.
void through_mailbox_with_wake(benchmark::State& state) {
  std::uint64_t woken = 0;
  Mailbox mailbox([&woken] { ++woken; });
  Outbox outbox(mailbox);
  std::uint64_t sum = 0;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(mailbox.prepare_sleep());
    for (std::int64_t i = 0; i < state.range(0); ++i) outbox.send(letter(sum, 1));
    mailbox.drain();
  }
  count_letters(state, sum);
}
BENCHMARK(through_mailbox_with_wake)->Arg(1)->Arg(64);

void floor_queue_and_mutex(benchmark::State& state) {
  std::mutex mutex;
  std::queue<Letter> queue;
  std::uint64_t sum = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      const std::lock_guard lock(mutex);
      queue.push(letter(sum, 1));
    }
    while (true) {
      Letter next;
      {
        const std::lock_guard lock(mutex);
        if (queue.empty()) break;
        next = std::move(queue.front());
        queue.pop();
      }
      next();
    }
  }
  count_letters(state, sum);
}
BENCHMARK(floor_queue_and_mutex)->Arg(1)->Arg(64);

}  // namespace
}  // namespace sluice
