#include "core/task.h"

#include <vector>

#include "core/completion.h"
#include "core/event.h"
#include "tests/unit/core/shard_fixture.h"

namespace sluice {
namespace {

using Log = std::vector<std::string>;

std::string name_of(const Result<void>& result) {
  return result ? "done" : std::string(sluice::name_of(result.error().code()));
}

Task<int> add(int a, int b) { co_return a + b; }

Task<void> sum_up(Shard& /*shard*/, int& total) {
  for (int i = 0; i < 100'000; ++i) total += co_await add(i % 2, 1);
}

TEST(Task, AwaitsManyTimesWithoutGrowingTheStack) {
  int total = 0;
  run_on_shard(sum_up, total);
  EXPECT_EQ(total, 150'000);
}

Task<void> wait_for_event(Event& event, Deadline deadline, Log& log) {
  const auto waited = co_await event.wait(deadline);
  log.push_back(name_of(waited));
}

Task<void> say_yield_say(Shard& shard, std::string name, Log& log) {
  log.push_back(name + "1");
  co_await yield(shard);
  log.push_back(name + "2");
}

Task<void> interleave(Shard& shard, Log& log) {
  TaskScope scope(shard.run_queue());
  scope.spawn(say_yield_say(shard, "a", log));
  scope.spawn(say_yield_say(shard, "b", log));
  co_await scope.join();
}

TEST(TaskScope, StartsTasksAtOnceAndRunsThemInTurn) {
  Log log;
  run_on_shard(interleave, log);
  EXPECT_EQ(log, (Log{"a1", "b1", "a2", "b2"}));
}

Task<void> cancel_waits(Shard& shard, Log& log) {
  Event event(shard);
  TaskScope scope(shard.run_queue());
  scope.spawn(wait_for_event(event, Deadline::never(), log));
  scope.spawn(wait_for_event(event, soon(shard), log));
  EXPECT_EQ(scope.size(), 2u);
  co_await scope.close();
  EXPECT_EQ(scope.size(), 0u);
  EXPECT_FALSE(event.has_waiters());
  scope.spawn(wait_for_event(event, Deadline::never(), log));  // starts cancelled
  co_await scope.join();
}

TEST(TaskScope, CancelsPendingWaitsAndThoseThatFollow) {
  Log log;
  run_on_shard(cancel_waits, log);
  EXPECT_EQ(log, (Log{"cancelled", "cancelled", "cancelled"}));
}

Task<void> own_a_scope(Shard& shard, Event& event, Log& log) {
  TaskScope scope(shard.run_queue());
  scope.spawn(wait_for_event(event, Deadline::never(), log));
  co_await scope.join();
  log.push_back("joined");
}

Task<void> cancel_the_owner(Shard& shard, Log& log) {
  Event event(shard);
  TaskScope scope(shard.run_queue());
  scope.spawn(own_a_scope(shard, event, log));
  co_await scope.close();
}

TEST(TaskScope, ACancelledJoinPassesTheRequestOn) {
  Log log;
  run_on_shard(cancel_the_owner, log);
  EXPECT_EQ(log, (Log{"cancelled", "joined"}));
}

Task<void> spawn_another(TaskScope& scope, Shard& shard, Log& log) {
  co_await yield(shard);
  scope.spawn(say_yield_say(shard, "late", log));
}

Task<void> join_late_ones(Shard& shard, Log& log) {
  TaskScope scope(shard.run_queue());
  scope.spawn(spawn_another(scope, shard, log));
  co_await scope.join();
  log.push_back("joined");
}

TEST(TaskScope, JoinsWhatWasSpawnedMeanwhile) {
  Log log;
  run_on_shard(join_late_ones, log);
  EXPECT_EQ(log, (Log{"late1", "late2", "joined"}));
}

TEST(TaskScopeDeathTest, DiesWithATaskLeft) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const auto shard = open_shard();
        Event event(*shard);
        Log log;
        TaskScope scope(shard->run_queue());
        scope.spawn(wait_for_event(event, Deadline::never(), log));
      },
      "joined before it is destroyed");
}

Task<void> notify_in_order(Shard& shard, Log& log) {
  Event event(shard);
  TaskScope scope(shard.run_queue());
  for (int i = 0; i < 3; ++i) scope.spawn(wait_for_event(event, soon(shard), log));
  event.notify_one();
  co_await yield(shard);
  EXPECT_EQ(log.size(), 1u);
  event.notify_all();
  event.notify_all();  // without a waiter: nothing
  co_await scope.join();
}

TEST(Event, WakesOneOrAll) {
  Log log;
  run_on_shard(notify_in_order, log);
  EXPECT_EQ(log, (Log{"done", "done", "done"}));
}

Task<void> time_out(Shard& shard, Log& log) {
  Event event(shard);
  const Deadline deadline = Deadline::in(shard.clock(), std::chrono::milliseconds(2));
  co_await wait_for_event(event, deadline, log);
  EXPECT_LE(deadline.instant(), shard.clock().now());
  co_await wait_for_event(event, deadline, log);  // passed already
  EXPECT_FALSE(event.has_waiters());
}

TEST(Event, TimesOutAtTheDeadlineAndNotBefore) {
  Log log;
  run_on_shard(time_out, log);
  EXPECT_EQ(log, (Log{"timed_out", "timed_out"}));
}

Task<void> sleep_for_ever(Shard& shard, Log& log) {
  const auto slept = co_await sleep_until(shard, Deadline::never());
  log.push_back(name_of(slept));
}

Task<void> sleep_and_cancel(Shard& shard, Log& log) {
  const auto slept =
      co_await sleep_until(shard, Deadline::in(shard.clock(), std::chrono::milliseconds(1)));
  log.push_back(name_of(slept));
  TaskScope scope(shard.run_queue());
  scope.spawn(sleep_for_ever(shard, log));
  co_await scope.close();
}

TEST(Sleep, EndsAtItsDeadlineOrWhenCancelled) {
  Log log;
  run_on_shard(sleep_and_cancel, log);
  EXPECT_EQ(log, (Log{"done", "cancelled"}));
}

Task<void> notify_at_the_deadline(Shard& shard, Log& log) {
  Event event(shard);
  TaskScope scope(shard.run_queue());
  scope.spawn(wait_for_event(event, soon(shard), log));
  event.notify_all();
  scope.cancel();  // too late: the wait has ended
  co_await scope.join();
}

TEST(Event, ANotificationStandsWhenTheTaskIsCancelledAfterIt) {
  Log log;
  run_on_shard(notify_at_the_deadline, log);
  EXPECT_EQ(log, (Log{"done"}));
}

Task<void> await_value(Shard& shard, Completion<int>*& address, int& value) {
  Completion<int> completion(shard);
  address = &completion;
  value = co_await completion.wait();
}

Task<void> complete_cancelled(Shard& shard, int& value) {
  Completion<int>* address = nullptr;
  TaskScope scope(shard.run_queue());
  scope.spawn(await_value(shard, address, value));
  scope.cancel();
  co_await yield(shard);
  EXPECT_EQ(scope.size(), 1u);  // it waits all the same
  std::thread other([&shard, address] {
    Letter letter = [address] { address->complete(7); };
    while (!shard.mailbox().try_send(letter)) std::this_thread::yield();
  });
  co_await scope.join();
  other.join();
}

TEST(Completion, WaitsForAnotherThreadEvenWhenCancelled) {
  int value = 0;
  run_on_shard(complete_cancelled, value);
  EXPECT_EQ(value, 7);
}

Task<void> complete_first(Shard& shard, int& value) {
  Completion<int> completion(shard);
  completion.complete(9);
  value = co_await completion.wait();
}

TEST(Completion, MayCompleteBeforeTheWait) {
  int value = 0;
  run_on_shard(complete_first, value);
  EXPECT_EQ(value, 9);
}

Task<void> leave_a_task_in_the_scope(Shard& shard, Log& log) {
  shard.scope().spawn(say_yield_say(shard, "task", log));
  log.push_back("main");
  co_return;
}

TEST(Shard, RunsUntilMainAndEveryTaskOfItsScopeEnded) {
  Log log;
  run_on_shard(leave_a_task_in_the_scope, log);
  EXPECT_EQ(log, (Log{"task1", "main", "task2"}));
}

Task<void> close_own_scope(Shard& shard, Log& log) {
  shard.scope().spawn(sleep_for_ever(shard, log));
  co_await shard.scope().close();
  log.push_back("closed");
}

TEST(Shard, MainMayCloseTheScopeOfTheShard) {
  Log log;
  run_on_shard(close_own_scope, log);
  EXPECT_EQ(log, (Log{"cancelled", "closed"}));
}

}  // namespace
}  // namespace sluice
