#include "smtp/reply_queue.h"

#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

Reply numbered(int code) { return reply(code, {}, "x"); }

TEST(ReplyQueue, GivesEverythingThatIsKnown) {
  ReplyQueue queue;
  queue.push(numbered(250));
  queue.push(numbered(354));
  EXPECT_TRUE(queue.has_ready());
  EXPECT_EQ(queue.take_ready(), "250 x\r\n354 x\r\n");
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.take_ready(), "");
}

TEST(ReplyQueue, KeepsWhatFollowsAnUnknownReply) {
  ReplyQueue queue;
  queue.push(numbered(250));
  const auto ticket = queue.reserve();
  queue.push(numbered(252));
  EXPECT_EQ(queue.take_ready(), "250 x\r\n");
  EXPECT_FALSE(queue.has_ready());
  queue.resolve(ticket, numbered(251));
  EXPECT_EQ(queue.take_ready(), "251 x\r\n252 x\r\n");
}

TEST(ReplyQueue, KeepsTheOrderWhenLaterRepliesAreKnownFirst) {
  ReplyQueue queue;
  const auto first = queue.reserve();
  const auto second = queue.reserve();
  queue.resolve(second, numbered(252));
  EXPECT_FALSE(queue.has_ready());
  queue.resolve(first, numbered(251));
  EXPECT_EQ(queue.reserved(), 0);
  EXPECT_EQ(queue.take_ready(), "251 x\r\n252 x\r\n");
}

TEST(ReplyQueue, CountsItsBytes) {
  ReplyQueue queue;
  const auto ticket = queue.reserve();
  queue.push(numbered(250));
  EXPECT_EQ(queue.bytes(), 7);
  queue.resolve(ticket, numbered(250));
  EXPECT_EQ(queue.bytes(), 14);
  (void)queue.take_ready();
  EXPECT_EQ(queue.bytes(), 0);
}

TEST(ReplyQueue, DropsRepliesOfADeadConnection) {
  ReplyQueue queue;
  queue.push(numbered(250));
  const auto ticket = queue.reserve();
  queue.abandon();
  queue.push(numbered(250));
  EXPECT_FALSE(queue.empty());  // the reserved one is still owed
  queue.resolve(ticket, numbered(250));
  EXPECT_EQ(queue.take_ready(), "");
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace sluice::smtp
