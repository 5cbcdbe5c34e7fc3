#include "relay/password_hash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// As little work as argon2 allows.
constexpr HashCost kCheap{.memory_kib = 8, .passes = 1, .lanes = 1};

constexpr const char* kSalt = "c29tZXNhbHRzYWx0";  // "somesaltsalt"
constexpr const char* kTag = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

std::string encoded(std::string_view cost, std::string_view salt = kSalt,
                    std::string_view tag = kTag) {
  return "$argon2id$v=19$" + std::string(cost) + '$' + std::string(salt) + '$' + std::string(tag);
}

bool matches(const PasswordHash& hash, std::string password) {
  const auto matched = hash.matches(Secret(std::move(password)));
  EXPECT_TRUE(matched.has_value());
  return matched.value_or(false);
}

TEST(PasswordHash, MatchesItsPasswordAlone) {
  const auto hash = PasswordHash::make(Secret("correct horse"), kCheap);
  ASSERT_TRUE(hash.has_value());
  EXPECT_TRUE(matches(*hash, "correct horse"));
  EXPECT_FALSE(matches(*hash, "correct horsf"));
  EXPECT_FALSE(matches(*hash, "correct hors"));
  EXPECT_FALSE(matches(*hash, ""));
}

TEST(PasswordHash, ReadsBackFromItsEncodedForm) {
  const auto hash = PasswordHash::make(Secret("correct horse"), kCheap);
  const auto again = PasswordHash::parse(hash->encoded());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(*again, *hash);
  EXPECT_TRUE(matches(*again, "correct horse"));
}

TEST(PasswordHash, HasASaltOfItsOwn) {
  EXPECT_NE(PasswordHash::make(Secret("same"), kCheap)->encoded(),
            PasswordHash::make(Secret("same"), kCheap)->encoded());
}

TEST(PasswordHash, CostsWhatIsRecommendedByDefault) {
  const auto hash = PasswordHash::make(Secret("correct horse"));
  EXPECT_THAT(hash->encoded(), StartsWith("$argon2id$v=19$m=19456,t=2,p=1$"));
}

// Made by argon2id_hash_encoded() of the reference implementation, with two threads.
TEST(PasswordHash, TakesWhatOtherProgramsWrite) {
  const auto hash = PasswordHash::parse(
      "$argon2id$v=19$m=64,t=2,p=2$c29tZXNhbHRzYWx0$tKmbouTedbnCutTeqFoE3DiAEJ8cKnxF40VQ+bwWIcY");
  ASSERT_TRUE(hash.has_value());
  EXPECT_TRUE(matches(*hash, "password"));
  EXPECT_FALSE(matches(*hash, "Password"));
}

TEST(PasswordHash, OfNobodyMatchesNothingAtTheUsualCost) {
  const PasswordHash nobody = PasswordHash::of_nobody();
  EXPECT_EQ(nobody.cost(), HashCost{});
  EXPECT_FALSE(matches(nobody, ""));
  EXPECT_FALSE(matches(nobody, "password"));
}

TEST(PasswordHash, TakesAPasswordUpToItsBound) {
  const std::string longest(kPasswordBytesMax, 'x');
  const auto hash = PasswordHash::make(Secret(std::string(longest)), kCheap);
  EXPECT_TRUE(matches(*hash, longest));
  EXPECT_FALSE(matches(*hash, longest + 'x'));
}

struct ParseCase {
  const char* name;
  std::string text;
  bool is_valid;
};
class ParsePasswordHash : public testing::TestWithParam<ParseCase> {};

TEST_P(ParsePasswordHash, ChecksFormAndCost) {
  const auto hash = PasswordHash::parse(GetParam().text);
  ASSERT_EQ(hash.has_value(), GetParam().is_valid);
  if (hash) {
    EXPECT_EQ(hash->encoded(), GetParam().text);
  } else {
    EXPECT_THAT(hash.error().sentence(), Not(HasSubstr(kTag)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ParsePasswordHash,
    testing::Values(
        ParseCase{"usual", encoded("m=19456,t=2,p=1"), true},
        ParseCase{"most_memory", encoded("m=262144,t=2,p=1"), true},
        ParseCase{"more_memory", encoded("m=262145,t=2,p=1"), false},
        ParseCase{"most_passes", encoded("m=64,t=10,p=1"), true},
        ParseCase{"more_passes", encoded("m=64,t=11,p=1"), false},
        ParseCase{"most_lanes", encoded("m=64,t=1,p=4"), true},
        ParseCase{"more_lanes", encoded("m=64,t=1,p=5"), false},
        ParseCase{"least_memory", encoded("m=32,t=1,p=4"), true},
        ParseCase{"less_memory", encoded("m=31,t=1,p=4"), false},
        ParseCase{"no_passes", encoded("m=64,t=0,p=1"), false},
        ParseCase{"no_lanes", encoded("m=64,t=1,p=0"), false},
        ParseCase{"overflow", encoded("m=4294967360,t=1,p=1"), false},
        ParseCase{"zero_in_front", encoded("m=064,t=1,p=1"), false},
        ParseCase{"negative", encoded("m=-64,t=1,p=1"), false},
        ParseCase{"other_order", encoded("t=1,m=64,p=1"), false},
        ParseCase{"key_id", encoded("m=64,t=1,p=1,keyid=AAAA"), false},
        ParseCase{"other_variant",
                  "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$" + std::string(kTag), false},
        ParseCase{"old_version",
                  "$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHRzYWx0$" + std::string(kTag), false},
        ParseCase{"shortest_salt", encoded("m=64,t=1,p=1", "AAAAAAAAAAA"), true},        // 8 bytes
        ParseCase{"shorter_salt", encoded("m=64,t=1,p=1", "AAAAAAAAAA"), false},         // 7
        ParseCase{"longest_salt", encoded("m=64,t=1,p=1", std::string(86, 'A')), true},  // 64
        ParseCase{"longer_salt", encoded("m=64,t=1,p=1", std::string(87, 'A')), false},  // 65
        ParseCase{"shortest_tag", encoded("m=64,t=1,p=1", kSalt, std::string(22, 'A')), true},
        ParseCase{"shorter_tag", encoded("m=64,t=1,p=1", kSalt, std::string(20, 'A')), false},
        ParseCase{"longest_tag", encoded("m=64,t=1,p=1", kSalt, std::string(86, 'A')), true},
        ParseCase{"longer_tag", encoded("m=64,t=1,p=1", kSalt, std::string(87, 'A')), false},
        ParseCase{"padded", encoded("m=64,t=1,p=1", kSalt, std::string(43, 'A') + '='), false},
        ParseCase{"bits_left", encoded("m=64,t=1,p=1", kSalt, std::string(42, 'A') + 'B'), false},
        ParseCase{"no_tag", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0", false},
        ParseCase{"a_third_part", encoded("m=64,t=1,p=1") + "$AAAA", false},
        ParseCase{"empty", "", false}, ParseCase{"plain_text", "hunter2", false}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sluice::relay
