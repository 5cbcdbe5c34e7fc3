#include "core/receive_buffer.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(ReceiveBuffer, HidesWhatArrivesUntilItIsRevealed) {
  ReceiveBuffer buffer(100);
  buffer.append("abc");
  EXPECT_EQ(buffer.visible(), "");
  EXPECT_TRUE(buffer.reveal());
  EXPECT_EQ(buffer.visible(), "abc");
  buffer.append("def");
  EXPECT_EQ(buffer.visible(), "abc");
  EXPECT_TRUE(buffer.reveal());
  EXPECT_EQ(buffer.visible(), "abcdef");
  EXPECT_FALSE(buffer.reveal());
}

TEST(ReceiveBuffer, KeepsAViewValidWhileMoreArrives) {
  ReceiveBuffer buffer(1 << 20);
  buffer.append("a command");
  ASSERT_TRUE(buffer.reveal());
  const std::string_view first = buffer.visible();
  std::vector<std::string_view> views;
  for (int i = 0; i < 40; ++i) {
    buffer.append(std::string(5'000, 'x'));
    views.push_back(buffer.visible());
  }
  EXPECT_EQ(first, "a command");
  for (const std::string_view view : views) EXPECT_EQ(view, "a command");
  buffer.consume(first.size());
  EXPECT_TRUE(buffer.reveal());
  EXPECT_EQ(buffer.visible(), std::string(200'000, 'x'));
}

TEST(ReceiveBuffer, ShowsItsBoundAndNotAByteMore) {
  ReceiveBuffer buffer(10);
  buffer.append("0123456789");
  ASSERT_TRUE(buffer.reveal());
  EXPECT_TRUE(buffer.is_full());
  buffer.append("A");
  EXPECT_FALSE(buffer.reveal());
  EXPECT_EQ(buffer.visible(), "0123456789");
  buffer.consume(1);
  EXPECT_FALSE(buffer.is_full());
  EXPECT_TRUE(buffer.reveal());
  EXPECT_EQ(buffer.visible(), "123456789A");
}

TEST(ReceiveBuffer, HoldsNoMemoryWhenEmpty) {
  ReceiveBuffer buffer(100);
  EXPECT_EQ(buffer.capacity(), 0u);
  buffer.append("abc");
  buffer.release();
  EXPECT_GT(buffer.capacity(), 0u);
  ASSERT_TRUE(buffer.reveal());
  buffer.consume(3);
  buffer.release();
  EXPECT_EQ(buffer.capacity(), 0u);
}

}  // namespace
}  // namespace sluice
