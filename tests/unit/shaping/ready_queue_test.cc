#include "shaping/ready_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::shaping {
namespace {

constexpr Duration kPatience = std::chrono::milliseconds(100);

Instant at(int milliseconds) { return Instant(0) + std::chrono::milliseconds(milliseconds); }

class ReadyQueueTest : public testing::Test {
 protected:
  std::optional<std::string> take(std::size_t taker, int now) {
    return queue_.take_for(taker, at(now), [](std::size_t) { return kPatience; });
  }
  ReadyQueue<std::string> queue_{2};
};

TEST_F(ReadyQueueTest, IsFirstInFirstOutForItsOrigin) {
  queue_.push_back(0, at(1), "a");
  queue_.push_back(0, at(2), "b");
  EXPECT_EQ(take(0, 2), "a");
  EXPECT_EQ(take(0, 2), "b");
  EXPECT_EQ(take(0, 2), std::nullopt);
}

TEST_F(ReadyQueueTest, LeavesAnItemToItsOriginWhilePatient) {
  queue_.push_back(1, at(0), "theirs");
  EXPECT_EQ(take(0, 99), std::nullopt);
  EXPECT_EQ(take(0, 100), "theirs");
}

TEST_F(ReadyQueueTest, TakesTheOwnItemBeforeAnOlderOneOfAnother) {
  queue_.push_back(1, at(0), "theirs");
  queue_.push_back(0, at(50), "mine");
  EXPECT_EQ(take(0, 500), "mine");
}

TEST_F(ReadyQueueTest, TakesAForeignItemThatIsOlderByMoreThanThePatience) {
  queue_.push_back(1, at(0), "theirs");
  queue_.push_back(0, at(150), "mine");
  EXPECT_EQ(take(0, 500), "theirs");
}

TEST_F(ReadyQueueTest, GivesItemsOfNobodyToAnyone) {
  queue_.push_back(queue_.nobody(), at(0), "free");
  EXPECT_EQ(take(1, 0), "free");
}

TEST_F(ReadyQueueTest, GivesTheOldestOfItsOwnAndOfNobody) {
  queue_.push_back(0, at(5), "mine");
  queue_.push_back(queue_.nobody(), at(3), "free");
  queue_.push_back(queue_.nobody(), at(7), "later");
  EXPECT_EQ(take(0, 7), "free");
  EXPECT_EQ(take(0, 7), "mine");
  EXPECT_EQ(take(0, 7), "later");
  EXPECT_TRUE(queue_.empty());
}

TEST_F(ReadyQueueTest, TellsWhenPatienceEnds) {
  const auto patience = [](std::size_t) { return kPatience; };
  EXPECT_EQ(queue_.next_patience_end(patience), Instant::far_future());
  queue_.push_back(queue_.nobody(), at(0), "free");
  EXPECT_EQ(queue_.next_patience_end(patience), Instant::far_future());
  queue_.push_back(0, at(5), "a");
  EXPECT_EQ(queue_.next_patience_end(patience), at(105));
}

TEST_F(ReadyQueueTest, ExtractsWhatIsWantedAndKeepsTheOrderOfTheRest) {
  for (const char* item : {"a", "x", "b", "x", "c"}) queue_.push_back(0, at(0), item);
  std::vector<std::string> out;
  queue_.extract([](const std::string& item) { return item == "x"; },
                 [&](std::string item) { out.push_back(std::move(item)); });
  EXPECT_EQ(out.size(), 2U);
  EXPECT_EQ(queue_.size(), 3U);
  EXPECT_EQ(take(0, 0), "a");
  EXPECT_EQ(take(0, 0), "b");
  EXPECT_EQ(take(0, 0), "c");
}

}  // namespace
}  // namespace sluice::shaping
