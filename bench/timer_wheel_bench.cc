// What a deadline costs: armed and disarmed while many others are armed, or fired; beside linking
// into a list, which is the least that a wheel does, and beside an ordered map.
#include "core/timer_wheel.h"

#include <benchmark/benchmark.h>

#include <list>
#include <map>
#include <memory>
#include <vector>

#include "core/random.h"

namespace sluice {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

class Deaf final : public Timer {
 public:
  void on_timer() noexcept override {}
};

// Timeouts of sessions: minutes.
Instant minutes_ahead(Random& random) {
  return Instant(static_cast<std::int64_t>(60'000 + random.below(240'000)) * kMillisecond);
}

// With state.range(0) others armed, as a shard with so many connections has.
void arm_and_disarm(benchmark::State& state) {
  TimerWheel wheel(Instant(0));
  Random random(1);
  std::vector<std::unique_ptr<Deaf>> others;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    others.push_back(std::make_unique<Deaf>());
    wheel.arm(*others.back(), minutes_ahead(random));
  }
  Deaf timer;
  std::int64_t when = 60'000 * kMillisecond;
  for ([[maybe_unused]] auto _ : state) {
    wheel.arm(timer, Instant(when));
    wheel.disarm(timer);
    when += kMillisecond / 16;
  }
  for (const auto& other : others) wheel.disarm(*other);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(arm_and_disarm)->Arg(100)->Arg(20'000);

// Armed 50 ms ahead, and the wheel goes there in steps of 1 ms.
void arm_and_fire(benchmark::State& state) {
  constexpr int kTimers = 1000;
  TimerWheel wheel(Instant(0));
  std::vector<std::unique_ptr<Deaf>> timers;
  for (int i = 0; i < kTimers; ++i) timers.push_back(std::make_unique<Deaf>());
  std::int64_t now = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (int i = 0; i < kTimers; ++i) {
      wheel.arm(*timers[static_cast<std::size_t>(i)], Instant((now + 1 + i % 50) * kMillisecond));
    }
    for (int step = 0; step < 52; ++step) wheel.advance(Instant(++now * kMillisecond));
    if (wheel.size() != 0) state.SkipWithError("every timer was due");
  }
  state.SetItemsProcessed(state.iterations() * kTimers);
}
BENCHMARK(arm_and_fire);

void floor_list(benchmark::State& state) {
  std::list<Timer*> idle(1);
  std::list<Timer*> armed(static_cast<std::size_t>(state.range(0)));
  for ([[maybe_unused]] auto _ : state) {
    armed.splice(armed.end(), idle, idle.begin());
    benchmark::ClobberMemory();
    idle.splice(idle.end(), armed, std::prev(armed.end()));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(floor_list)->Arg(100)->Arg(20'000);

void ordered_map(benchmark::State& state) {
  Random random(1);
  std::multimap<Instant, Timer*> armed;
  for (std::int64_t i = 0; i < state.range(0); ++i) armed.emplace(minutes_ahead(random), nullptr);
  std::int64_t when = 60'000 * kMillisecond;
  for ([[maybe_unused]] auto _ : state) {
    armed.erase(armed.emplace(Instant(when), nullptr));
    when += kMillisecond / 16;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ordered_map)->Arg(100)->Arg(20'000);

}  // namespace
}  // namespace sluice
