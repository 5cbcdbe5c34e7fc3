#include "core/mailbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace sluice {
namespace {

TEST(Mailbox, RunsLettersInTheirOrder) {
  Mailbox mailbox([] {});
  std::vector<int> seen;
  for (int i = 0; i < 3; ++i) {
    Letter letter = [&seen, i] { seen.push_back(i); };
    ASSERT_TRUE(mailbox.try_send(letter));
  }
  EXPECT_EQ(mailbox.drain(), 3u);
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(mailbox.drain(), 0u);
}

TEST(Mailbox, LeavesTheLetterUntouchedWhenFull) {
  Mailbox mailbox([] {});
  int count = 0;
  for (std::size_t i = 0; i < kMailboxLettersMax; ++i) {
    Letter letter = [&count] { ++count; };
    ASSERT_TRUE(mailbox.try_send(letter));
  }
  Letter one_more = [&count] { count += 1'000; };
  EXPECT_FALSE(mailbox.try_send(one_more));
  ASSERT_NE(one_more, nullptr);
  EXPECT_EQ(mailbox.drain(), kMailboxLettersMax);
  EXPECT_TRUE(mailbox.try_send(one_more));
  EXPECT_EQ(mailbox.drain(), 1u);
  EXPECT_EQ(count, static_cast<int>(kMailboxLettersMax) + 1'000);
}

TEST(Mailbox, ALetterMaySendAnother) {
  Mailbox mailbox([] {});
  int count = 0;
  Letter letter = [&] {
    Letter next = [&count] { ++count; };
    EXPECT_TRUE(mailbox.try_send(next));
  };
  ASSERT_TRUE(mailbox.try_send(letter));
  while (mailbox.drain() > 0) {
  }
  EXPECT_EQ(count, 1);
}

TEST(Mailbox, WakesAShardThatSleepsAndOnlyOnce) {
  int wakes = 0;
  Mailbox mailbox([&wakes] { ++wakes; });
  const auto send = [&mailbox] {
    Letter letter = [] {};
    EXPECT_TRUE(mailbox.try_send(letter));
  };
  send();
  EXPECT_EQ(wakes, 0);
  EXPECT_FALSE(mailbox.prepare_sleep());  // a letter waits
  mailbox.drain();
  EXPECT_TRUE(mailbox.prepare_sleep());
  send();
  send();
  EXPECT_EQ(wakes, 1);
}

TEST(Mailbox, DestroysLettersThatNobodyRan) {
  const auto held = std::make_shared<int>(1);
  {
    Mailbox mailbox([] {});
    Letter letter = [held] {};
    ASSERT_TRUE(mailbox.try_send(letter));
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Outbox, KeepsOrderWhileTheMailboxIsFull) {
  Mailbox mailbox([] {});
  Outbox outbox(mailbox);
  std::vector<std::size_t> seen;
  const std::size_t count = kMailboxLettersMax + 5;
  for (std::size_t i = 0; i < count; ++i) outbox.send([&seen, i] { seen.push_back(i); });
  EXPECT_EQ(outbox.waiting(), 5u);
  EXPECT_FALSE(outbox.flush());
  mailbox.drain();
  EXPECT_TRUE(outbox.flush());
  mailbox.drain();
  ASSERT_EQ(seen.size(), count);
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(seen[i], i);
}

// Letters of several threads to an owner that sleeps whenever it may: none is lost, none overtakes.
TEST(Mailbox, LosesNothingBetweenThreads) {
  constexpr std::size_t kSenders = 3;
  constexpr std::uint64_t kLetters = 20'000;
  std::atomic<std::uint32_t> wakes = 0;
  Mailbox mailbox([&wakes] {
    wakes.fetch_add(1);
    wakes.notify_one();
  });
  std::vector<std::uint64_t> next(kSenders, 0);
  std::uint64_t wrong = 0;
  std::vector<std::thread> threads;
  for (std::size_t sender = 0; sender < kSenders; ++sender) {
    threads.emplace_back([&, sender] {
      for (std::uint64_t i = 0; i < kLetters; ++i) {
        Letter letter = [&, sender, i] { wrong += next[sender]++ == i ? 0 : 1; };
        while (!mailbox.try_send(letter)) std::this_thread::yield();
      }
    });
  }
  std::size_t received = 0;
  while (received < kSenders * kLetters) {
    received += mailbox.drain();
    const std::uint32_t seen = wakes.load();
    // The last letters may have come and gone: then nobody would wake us.
    if (received < kSenders * kLetters && mailbox.prepare_sleep()) wakes.wait(seen);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace sluice
