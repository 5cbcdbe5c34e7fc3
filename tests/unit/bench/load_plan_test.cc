#include "bench/load_plan.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice::bench {
namespace {

TEST(LoadPlan, GivesEveryNumberOnceAndThenNothing) {
  const LoadSettings settings{.messages = 3};
  LoadPlan plan(settings, Instant(0));
  std::set<std::uint64_t> numbers;
  while (auto message = plan.next()) numbers.insert(message->number);
  EXPECT_EQ(numbers, (std::set<std::uint64_t>{0, 1, 2}));
  EXPECT_TRUE(plan.is_exhausted());
}

TEST(LoadPlan, SpreadsTheRecipientsOverTheDomains) {
  const LoadSettings settings{.messages = 1, .recipients = 4, .domains = 2};
  LoadPlan plan(settings, Instant(0));
  EXPECT_EQ(plan.next()->recipients,
            (std::vector<std::string>{"u0-0@d0.load.example", "u0-1@d1.load.example",
                                      "u0-2@d0.load.example", "u0-3@d1.load.example"}));
}

TEST(LoadPlan, SpacesMessagesByTheRate) {
  const LoadSettings settings{.messages = 3, .rate = 100};
  LoadPlan plan(settings, Instant(1000));
  EXPECT_EQ(plan.next()->due, Instant(1000));
  EXPECT_EQ(plan.next()->due, Instant(1000) + std::chrono::milliseconds(10));
}

TEST(LoadPlan, WithoutARateNothingIsDue) {
  const LoadSettings settings{.messages = 1};
  LoadPlan plan(settings, Instant(1000));
  EXPECT_FALSE(plan.next()->due.has_value());
}

TEST(LoadPlan, DrawsSizesByTheirWeights) {
  LoadSettings settings{.messages = 1000};
  settings.sizes = parse_sizes("2KB:1,10KB:3").value();
  LoadPlan plan(settings, Instant(0));
  int large = 0;
  while (auto message = plan.next()) large += message->bytes == 10'000 ? 1 : 0;
  EXPECT_NEAR(large, 750, 75);
}

TEST(LoadPlan, RefusesSharesWithoutWeight) {
  for (const char* text : {"", "10KB:", "10KB:0", "10KB:x", ",10KB", "10KB,"}) {
    EXPECT_FALSE(parse_sizes(text).has_value()) << text;
  }
}

TEST(LoadMessage, SaysItsIdSenderAndChecksum) {
  const LoadMessageMaker maker("run", 10'000, 1);
  const std::string message = maker.make(7, "a@b", "c@d", 10'000, Instant(42)).text();
  const std::size_t body = message.find("\r\n\r\n") + 4;
  const LoadHeader header = read_load_header(std::string_view(message).substr(0, body));
  EXPECT_EQ(header.id, "run-7");
  EXPECT_EQ(header.sender, "a@b");
  EXPECT_EQ(header.sent_at, 42);
  EXPECT_TRUE(header.has_checksum);
  EXPECT_EQ(header.checksum, body_checksum(std::string_view(message).substr(body)));
  EXPECT_NEAR(static_cast<double>(message.size()), 10'000, 200);
}

}  // namespace
}  // namespace sluice::bench
