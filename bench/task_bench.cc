// What a coroutine costs: awaiting a child that ends at once, going through the run queue, and a
// turn of the shard's loop; beside a plain function call.
#include "core/task.h"

#include <benchmark/benchmark.h>

#include "core/run_queue.h"
#include "core/shard.h"
#include "core/task_scope.h"
#include "core/wait.h"

namespace sluice {
namespace {

Task<int> add(int a, int b) { co_return a + b; }

Task<void> await_children(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    const int sum = co_await add(1, 2);
    benchmark::DoNotOptimize(sum);
  }
}

void await_child(benchmark::State& state) {
  RunQueue run_queue;
  TaskScope scope(run_queue);
  scope.spawn(await_children(state));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(await_child);

struct Turns {
  RunQueue run_queue;
  ResumePoint point{run_queue};
  bool are_over = false;
};

Task<void> wait_until_over(Turns& turns) {
  while (!turns.are_over) co_await turns.point;
}

// Suspends, is pushed into the run queue, and is resumed from there.
void through_run_queue(benchmark::State& state) {
  Turns turns;
  TaskScope scope(turns.run_queue);
  scope.spawn(wait_until_over(turns));
  for ([[maybe_unused]] auto _ : state) {
    turns.point.resume();
    turns.run_queue.run();
  }
  turns.are_over = true;
  turns.point.resume();
  turns.run_queue.run();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(through_run_queue);

Task<void> yield_often(Shard& shard, benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) co_await yield(shard);
}

// A whole turn of the loop: mailbox, timers, ring.
void turn_of_the_loop(benchmark::State& state) {
  const auto shard = Shard::open(ShardId(0), 1);
  if (!shard) return state.SkipWithError(shard.error().sentence().c_str());
  (*shard)->run(yield_often(**shard, state));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(turn_of_the_loop);

[[gnu::noinline]] int add_plainly(int a, int b) {
  benchmark::DoNotOptimize(a);
  return a + b;
}

void floor_function_call(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    const int sum = add_plainly(1, 2);
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(floor_function_call);

}  // namespace
}  // namespace sluice
