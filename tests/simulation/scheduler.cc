#include "tests/simulation/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>
#include <utility>

#include "core/assert.h"

namespace sluice::simulation {

namespace {

constexpr Instant kStart{std::int64_t{1'000'000'000} * 1000};
// 2025-01-01: what is stored and shown is some plausible time.
constexpr std::int64_t kWallAtStart = 1'735'689'600'000;
constexpr std::uint64_t kTurnNanosecondsMax = 20'000;

Scheduler* the_scheduler = nullptr;
// The logger's thread asks for the time too, and has no baton.
std::atomic<std::int64_t> nanoseconds_now{kStart.nanoseconds()};

}  // namespace

Scheduler& scheduler() {
  SLUICE_ASSERT(the_scheduler != nullptr, "the twins are used within a simulation");
  return *the_scheduler;
}

// ---- threads

SimulatedThread::SimulatedThread(std::string name, std::function<void()> body)
    : name_(std::move(name)), body_(std::move(body)) {
  std::thread([this] { run(); }).detach();  // one that is abandoned never ends
}

void SimulatedThread::run() {
  may_run_.acquire();
  body_();
  has_ended_ = true;
  has_stopped_.release();
}

void SimulatedThread::wait(Instant until) {
  SLUICE_ASSERT(scheduler().current() == this, "a thread waits for itself");
  until_ = until;
  has_stopped_.release();
  may_run_.acquire();
}

// ---- the scheduler

Scheduler::Scheduler(std::uint64_t seed) : random_(seed) {
  SLUICE_ASSERT(the_scheduler == nullptr, "a process simulates one world");
  the_scheduler = this;
  set_now(kStart);
}

Scheduler::~Scheduler() { the_scheduler = nullptr; }

Instant Scheduler::now() const { return Instant(nanoseconds_now.load(std::memory_order_relaxed)); }

void Scheduler::set_now(Instant now) {
  nanoseconds_now.store(now.nanoseconds(), std::memory_order_relaxed);
}

WallTime Scheduler::wall() const { return WallTime(kWallAtStart) + (now() - kStart); }

Duration Scheduler::some_time(Duration least, Duration most) {
  if (most <= least) return least;
  const double share = std::pow(random_.fraction(), 3);
  return least +
         Duration(static_cast<std::int64_t>(share * static_cast<double>((most - least).count())));
}

SimulatedThread& Scheduler::start_thread(std::string name, std::function<void()> body) {
  owned_threads_.push_back(std::make_unique<SimulatedThread>(std::move(name), std::move(body)));
  threads_.push_back(owned_threads_.back().get());
  return *threads_.back();
}

SimulatedWorker& Scheduler::start_worker(std::string name, WorkerStep step) {
  owned_workers_.push_back(std::make_unique<SimulatedWorker>(
      SimulatedWorker{.name = std::move(name), .step = std::move(step)}));
  workers_.push_back(owned_workers_.back().get());
  workers_.back()->due = now();
  return *workers_.back();
}

void Scheduler::wake_worker(SimulatedWorker& worker) {
  worker.due = std::min(worker.due, now() + some_time(Duration(0), disk_delay_max_));
}

bool Scheduler::is_later(const Event& a, const Event& b) {
  return std::pair(a.when, a.number) > std::pair(b.when, b.number);
}

void Scheduler::after(Duration delay, std::function<void()> event) {
  events_.push_back({.when = now() + delay, .number = events_made_++, .act = std::move(event)});
  std::ranges::push_heap(events_, is_later);
}

bool Scheduler::run_until(const std::function<bool()>& is_over) {
  SLUICE_ASSERT(current_ == nullptr, "the scheduler has the baton");
  while (!is_over()) {
    collect_runnable();
    if (runnable_threads_.empty() && runnable_workers_.empty() && !is_event_due_) {
      const Instant next = next_instant();
      if (next == Instant::far_future()) return false;
      set_now(next);
      continue;
    }
    run_one();
  }
  return true;
}

void Scheduler::collect_runnable() {
  const Instant present = now();
  runnable_threads_.clear();
  runnable_workers_.clear();
  for (SimulatedThread* thread : threads_) {
    if (thread->is_woken_ || thread->until_ <= present) runnable_threads_.push_back(thread);
  }
  for (SimulatedWorker* worker : workers_) {
    if (worker->due <= present) runnable_workers_.push_back(worker);
  }
  is_event_due_ = !events_.empty() && events_.front().when <= present;
}

void Scheduler::run_one() {
  ++steps_;
  const std::size_t count =
      runnable_threads_.size() + runnable_workers_.size() + (is_event_due_ ? 1U : 0U);
  std::size_t choice = random_.below(count);
  if (choice < runnable_threads_.size()) return resume(*runnable_threads_[choice]);
  choice -= runnable_threads_.size();
  if (choice < runnable_workers_.size()) return step(*runnable_workers_[choice]);
  act_on_event();
}

void Scheduler::resume(SimulatedThread& thread) {
  thread.is_woken_ = false;
  note(thread.name_);
  current_ = &thread;
  thread.may_run_.release();
  thread.has_stopped_.acquire();
  current_ = nullptr;
  if (thread.has_ended_) std::erase(threads_, &thread);
  // Work takes time: a loop that polls without sleeping comes to an end.
  set_now(now() + Duration(static_cast<std::int64_t>(1 + random_.below(kTurnNanosecondsMax))));
}

void Scheduler::step(SimulatedWorker& worker) {
  note(worker.name);
  worker.due = Instant::far_future();
  const Instant next = worker.step();
  if (worker.is_stopped) return;
  if (next == Instant::far_future()) return;
  worker.due = std::min(worker.due, std::max(next, now()));
  if (next <= now()) worker.due = now() + some_time(Duration(1), disk_delay_max_);
}

void Scheduler::act_on_event() {
  std::ranges::pop_heap(events_, is_later);
  const Event event = std::move(events_.back());
  events_.pop_back();
  event.act();
}

Instant Scheduler::next_instant() const {
  Instant next = events_.empty() ? Instant::far_future() : events_.front().when;
  for (const SimulatedThread* thread : threads_) next = std::min(next, thread->until_);
  for (const SimulatedWorker* worker : workers_) next = std::min(next, worker->due);
  return next;
}

void Scheduler::abandon_relay() {
  SLUICE_ASSERT(current_ == nullptr, "a crash comes between two steps");
  threads_.clear();
  workers_.clear();
  note("crash");
}

std::size_t Scheduler::relay_parts() const {
  const auto is_working = [](const SimulatedWorker* worker) { return !worker->is_stopped; };
  return threads_.size() + static_cast<std::size_t>(std::ranges::count_if(workers_, is_working));
}

void Scheduler::note(std::string_view what, std::uint64_t number, std::uint64_t detail) {
  if (is_trace_printed_) {
    fmt::print(stderr, "{:>16.6f} {} {} {}\n", static_cast<double>((now() - kStart).count()) / 1e9,
               what, number, detail);
  }
  std::uint64_t hash = trace_hash_;
  const auto mix = [&hash](std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 29;
  };
  for (const char byte : what) mix(static_cast<unsigned char>(byte));
  mix(number);
  mix(detail);
  mix(static_cast<std::uint64_t>(now().nanoseconds()));
  trace_hash_ = hash;
}

}  // namespace sluice::simulation
