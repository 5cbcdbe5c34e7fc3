#include "smtp/base64.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::smtp {
namespace {

using namespace std::string_literals;

struct Base64Case {
  std::string_view name;
  std::string_view text;
  std::optional<std::string> bytes;
};

class DecodeBase64 : public testing::TestWithParam<Base64Case> {};

TEST_P(DecodeBase64, TakesWhatAnEncoderWritesAndNothingElse) {
  EXPECT_EQ(decode_base64(GetParam().text), GetParam().bytes);
}

// The first seven are the vectors of RFC 4648 section 10.
INSTANTIATE_TEST_SUITE_P(
    Table, DecodeBase64,
    testing::Values(
        Base64Case{"empty", "", ""s}, Base64Case{"f", "Zg==", "f"s},
        Base64Case{"fo", "Zm8=", "fo"s}, Base64Case{"foo", "Zm9v", "foo"s},
        Base64Case{"foob", "Zm9vYg==", "foob"s}, Base64Case{"fooba", "Zm9vYmE=", "fooba"s},
        Base64Case{"foobar", "Zm9vYmFy", "foobar"s}, Base64Case{"high_bytes", "+/8=", "\xfb\xff"s},
        Base64Case{"nuls", "AGEAYg==", "\0a\0b"s}, Base64Case{"short", "Zg=", {}},
        Base64Case{"unpadded", "Zg", {}}, Base64Case{"only_padding", "====", {}},
        Base64Case{"padding_inside", "Zg==Zg==", {}}, Base64Case{"three_paddings", "Z===", {}},
        Base64Case{"lost_bits", "Zh==", {}}, Base64Case{"lost_bits_2", "Zm9=", {}},
        Base64Case{"space", "Zm 9", {}}, Base64Case{"url_alphabet", "-_8=", {}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Base64, DecodesWhatItEncodes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes);
    bytes += static_cast<char>(i * 7);
  }
}

}  // namespace
}  // namespace sluice::smtp
