#include "relay/credential_cache.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

using std::chrono::minutes;
using std::chrono::nanoseconds;

constexpr Instant kNow(1'000'000'000'000);

User user_named(const std::string& name, std::uint64_t generation = 1) {
  UserSettings settings;
  settings.name = name;
  return {.settings = settings, .generation = UserGeneration(generation), .accept_rate = nullptr};
}

Secret secret(const std::string& text) { return Secret(std::string(text)); }

TEST(CredentialCache, KnowsWhatItRemembersAndNothingElse) {
  CredentialCache cache(minutes(5));
  cache.remember(user_named("a"), secret("one"), kNow);
  EXPECT_TRUE(cache.knows(user_named("a"), secret("one"), kNow));
  EXPECT_FALSE(cache.knows(user_named("a"), secret("two"), kNow));
  EXPECT_FALSE(cache.knows(user_named("b"), secret("one"), kNow));
  EXPECT_FALSE(cache.knows(user_named("ao"), secret("ne"), kNow));
}

TEST(CredentialCache, KnowsBothPasswordsOfARotation) {
  CredentialCache cache(minutes(5));
  cache.remember(user_named("a"), secret("old"), kNow);
  cache.remember(user_named("a"), secret("new"), kNow);
  EXPECT_TRUE(cache.knows(user_named("a"), secret("old"), kNow));
  EXPECT_TRUE(cache.knows(user_named("a"), secret("new"), kNow));
}

TEST(CredentialCache, ForgetsAUserOfAnotherGeneration) {
  CredentialCache cache(minutes(5));
  cache.remember(user_named("a", 1), secret("one"), kNow);
  EXPECT_FALSE(cache.knows(user_named("a", 2), secret("one"), kNow));
}

TEST(CredentialCache, ForgetsWithTimeHoweverOftenItIsAsked) {
  CredentialCache cache(minutes(5));
  cache.remember(user_named("a"), secret("one"), kNow);
  const Instant last = kNow + minutes(5) - nanoseconds(1);
  EXPECT_TRUE(cache.knows(user_named("a"), secret("one"), last));
  cache.remember(user_named("a"), secret("one"), last);  // no new proof while the old one is good
  EXPECT_FALSE(cache.knows(user_named("a"), secret("one"), kNow + minutes(5)));
  cache.remember(user_named("a"), secret("one"), kNow + minutes(5));
  EXPECT_TRUE(cache.knows(user_named("a"), secret("one"), kNow + minutes(6)));
}

TEST(CredentialCache, RemembersNothingForNoTime) {
  CredentialCache cache(Duration(0));
  cache.remember(user_named("a"), secret("one"), kNow);
  EXPECT_FALSE(cache.knows(user_named("a"), secret("one"), kNow));
  EXPECT_EQ(cache.size(), 0U);
}

TEST(CredentialCache, ForgetsTheOldestWhenItIsFull) {
  constexpr std::size_t kEntries = 160;
  CredentialCache cache(minutes(5), kEntries);
  for (std::size_t i = 0; i < 20 * kEntries; ++i) {
    cache.remember(user_named(std::to_string(i)), secret("one"), kNow);
    ASSERT_LE(cache.size(), kEntries);
  }
  EXPECT_EQ(cache.size(), kEntries);  // each part has filled up by now
  EXPECT_TRUE(cache.knows(user_named(std::to_string(20 * kEntries - 1)), secret("one"), kNow));
  EXPECT_FALSE(cache.knows(user_named("0"), secret("one"), kNow));
}

TEST(CredentialCache, MakesRoomOfWhatIsOver) {
  CredentialCache cache(minutes(5), 1600);
  for (int i = 0; i < 500; ++i) cache.remember(user_named(std::to_string(i)), secret("x"), kNow);
  for (int i = 500; i < 1000; ++i) {
    cache.remember(user_named(std::to_string(i)), secret("x"), kNow + minutes(6));
  }
  EXPECT_EQ(cache.size(), 500U);
}

}  // namespace
}  // namespace sluice::relay
