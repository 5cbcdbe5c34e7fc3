#include "core/shard_group.h"

#include <atomic>
#include <ctime>

#include "core/completion.h"
#include "core/event.h"
#include "tests/unit/core/shard_fixture.h"

namespace sluice {
namespace {

std::unique_ptr<ShardGroup> start_group(unsigned count) {
  auto group = ShardGroup::start(count, kTestSeed);
  EXPECT_TRUE(group.has_value()) << group.error().sentence();
  return std::move(*group);
}

Task<void> count_up(Shard& shard, std::atomic<unsigned>& bits) {
  EXPECT_TRUE(shard.is_current());
  bits.fetch_add(1u << shard.id().value());
  co_await yield(shard);
}

TEST(ShardGroup, RunsMainOnEveryShard) {
  const auto group = start_group(3);
  EXPECT_EQ(group->size(), 3u);
  std::atomic<unsigned> bits = 0;
  group->run([&bits](Shard& shard) { return count_up(shard, bits); });
  EXPECT_EQ(bits, 7u);
}

TEST(ShardGroup, MayBeStartedAndNeverRun) { EXPECT_EQ(start_group(2)->size(), 2u); }

// Asks the other shard to add one, again and again.
Task<void> ask(Shard& shard, Shard& other, int rounds, int& total) {
  for (int i = 0; i < rounds; ++i) {
    Completion<int> answer(shard);
    shard.outbox_to(other.mailbox()).send([&shard, &other, &answer, i] {
      other.outbox_to(shard.mailbox()).send([&answer, i] { answer.complete(i + 1); });
    });
    total += co_await answer.wait() - i;
  }
}

Task<void> ask_neighbour(Shard& shard, ShardGroup& group, std::atomic<int>& total) {
  const auto next = static_cast<std::uint16_t>((shard.id().value() + 1) % group.size());
  int counted = 0;
  co_await ask(shard, group.at(ShardId(next)), 500, counted);
  total.fetch_add(counted);
}

TEST(ShardGroup, ShardsAnswerOneAnother) {
  const auto group = start_group(3);
  std::atomic<int> total = 0;
  group->run([&](Shard& shard) { return ask_neighbour(shard, *group, total); });
  EXPECT_EQ(total, 1'500);
}

// The first shard ends at once; the others still need its answers.
Task<void> ask_the_first(Shard& shard, ShardGroup& group, std::atomic<int>& total) {
  if (shard.id() == ShardId(0)) co_return;
  int counted = 0;
  co_await ask(shard, group.at(ShardId(0)), 200, counted);
  total.fetch_add(counted);
}

TEST(ShardGroup, AShardThatEndedStillAnswersTheOthers) {
  const auto group = start_group(3);
  std::atomic<int> total = 0;
  group->run([&](Shard& shard) { return ask_the_first(shard, *group, total); });
  EXPECT_EQ(total, 400);
}

// More letters than a mailbox holds, to a shard that is busy meanwhile.
Task<void> flood(Shard& shard, ShardGroup& group, std::atomic<std::size_t>& received) {
  if (shard.id() == ShardId(0)) co_return;
  Outbox& outbox = shard.outbox_to(group.at(ShardId(0)).mailbox());
  for (std::size_t i = 0; i < 3 * kMailboxLettersMax; ++i) {
    outbox.send([&received, i] { received = received == i ? i + 1 : SIZE_MAX; });
  }
  while (received < 3 * kMailboxLettersMax) co_await yield(shard);
}

TEST(ShardGroup, AnOverfullMailboxLosesNothingAndKeepsTheOrder) {
  const auto group = start_group(2);
  std::atomic<std::size_t> received = 0;
  group->run([&](Shard& shard) { return flood(shard, *group, received); });
  EXPECT_EQ(received, 3 * kMailboxLettersMax);
}

Task<void> wait_for_letters(Shard& shard, std::size_t& letters, std::size_t wanted) {
  while (letters < wanted) {
    const auto slept =
        co_await sleep_until(shard, Deadline::in(shard.clock(), std::chrono::milliseconds(1)));
    if (!slept) co_return;
  }
}

TEST(ShardGroup, TakesLettersFromAnyThread) {
  const auto group = start_group(1);
  constexpr std::size_t kWanted = 2 * kMailboxLettersMax;
  std::size_t letters = 0;
  std::thread sender([&] {
    for (std::size_t i = 0; i < kWanted; ++i) group->post(ShardId(0), [&letters] { ++letters; });
  });
  group->run([&](Shard& shard) { return wait_for_letters(shard, letters, kWanted); });
  sender.join();
  EXPECT_EQ(letters, kWanted);
}

Duration thread_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec);
}

Task<void> sleep_idly(Shard& shard, Duration duration, Duration& used) {
  const Duration before = thread_time();
  co_await sleep_until(shard, Deadline::in(shard.clock(), duration));
  used = thread_time() - before;
}

TEST(Shard, DoesNotSpinWhileNothingHappens) {
  Duration used{};
  run_on_shard(sleep_idly, Duration(std::chrono::milliseconds(100)), used);
  EXPECT_LT(used, std::chrono::milliseconds(10));
}

}  // namespace
}  // namespace sluice
