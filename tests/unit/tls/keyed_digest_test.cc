#include "tls/keyed_digest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tls/random_bytes.h"

namespace sluice::tls {
namespace {

std::string hex(const KeyedDigest::Value& value) {
  std::string text;
  for (const std::uint8_t byte : value) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

KeyedDigest::Value digest(const KeyedDigest& digests, std::vector<std::string_view> texts) {
  return digests.of(texts);
}

TEST(KeyedDigest, IsHmacSha256OfTheTextsBehindTheirLengths) {
  KeyedDigest::Key key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  // python3: hmac.new(bytes(range(32)), b"\5"+bytes(7)+b"hello"+b"\0"*8+b"\2"+bytes(7)+b"me",
  // "sha256").hexdigest()
  EXPECT_EQ(hex(digest(KeyedDigest(key), {"hello", "", "me"})),
            "78c435300a0c88fed13ca72462e9d1a6516eb7a09e9b4fdb2e0c1f85e4884b5e");
}

TEST(KeyedDigest, SeesTheBordersBetweenTexts) {
  const KeyedDigest digests;
  EXPECT_NE(digest(digests, {"ab", "c"}), digest(digests, {"a", "bc"}));
  EXPECT_NE(digest(digests, {"abc"}), digest(digests, {"abc", ""}));
  EXPECT_EQ(digest(digests, {"ab", "c"}), digest(digests, {"ab", "c"}));
}

TEST(KeyedDigest, DiffersWithTheKey) {
  EXPECT_NE(digest(KeyedDigest(), {"x"}), digest(KeyedDigest(), {"x"}));
}

TEST(RandomBytes, FillAllThatIsAskedFor) {
  std::vector<std::uint8_t> bytes(kRandomBytesMax, 0);
  fill_randomly(bytes);
  // 8 zeros in a row at the end have a chance of 2^-64.
  EXPECT_NE(std::vector<std::uint8_t>(bytes.end() - 8, bytes.end()),
            std::vector<std::uint8_t>(8, 0));
  std::vector<std::uint8_t> longer(kRandomBytesMax + 1);
  EXPECT_DEATH(fill_randomly(longer), "no more at a time");
}

}  // namespace
}  // namespace sluice::tls
