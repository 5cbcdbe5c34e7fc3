#include "core/secret.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ostream>

namespace sluice {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

static_assert(Printable<std::string>);
static_assert(!Printable<Secret>, "a secret has no form for a log");
static_assert(!fmt::is_formattable<Secret>::value, "a secret has no form for a log");

TEST(Secret, RevealsWhatItWasGiven) {
  const Secret secret(std::string("with\0nul", 8));
  EXPECT_EQ(secret.reveal(), std::string_view("with\0nul", 8));
  EXPECT_EQ(secret.size(), 8U);
  EXPECT_TRUE(Secret().empty());
  EXPECT_TRUE(Secret(std::string()).empty());
}

TEST(Secret, ACopyOutlivesTheOriginal) {
  auto original = std::make_unique<Secret>(std::string("open sesame"));
  const Secret copy = *original;
  original.reset();
  EXPECT_EQ(copy.reveal(), "open sesame");
}

TEST(Secret, IsEqualByContent) {
  EXPECT_EQ(Secret("abc"), Secret("abc"));
  EXPECT_FALSE(Secret("abc") == Secret("abd"));
  EXPECT_FALSE(Secret("abc") == Secret("ab"));
  EXPECT_FALSE(Secret("abc") == Secret());
  EXPECT_EQ(Secret(), Secret(""));
}

TEST(EqualInConstantTime, SeesADifferenceInEveryBitOfEveryByte) {
  const std::string text = "0123456789";
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string other = text;
      other[at] = static_cast<char>(other[at] ^ (1 << bit));
      EXPECT_FALSE(equal_in_constant_time(text, other)) << at << ' ' << bit;
    }
  }
  EXPECT_TRUE(equal_in_constant_time(text, std::string(text)));
}

TEST(Wipe, OverwritesTheWholeStorage) {
  std::string text(100, 'x');
  text.reserve(200);
  text.resize(50);  // the rest lies behind the end
  const char* const storage = text.data();
  wipe(text);
  EXPECT_TRUE(text.empty());
  ASSERT_EQ(text.data(), storage);
  text.resize(100, '\1');  // grows in place over what was there
  EXPECT_EQ(text.data(), storage);
  EXPECT_EQ(std::string_view(storage, 100).find('x'), std::string_view::npos);
}

}  // namespace
}  // namespace sluice
