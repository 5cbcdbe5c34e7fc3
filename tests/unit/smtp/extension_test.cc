#include "smtp/extension.h"

#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

TEST(Extension, IsFoundByItsKeywordInAnyCase) {
  EXPECT_EQ(extension_of("8bitMIME"), Extension::eight_bit_mime);
  EXPECT_EQ(extension_of(keyword_of(Extension::chunking)), Extension::chunking);
}

TEST(Extension, IsNotFoundByPartsOfItsKeyword) {
  EXPECT_EQ(extension_of("SIZ"), std::nullopt);
  EXPECT_EQ(extension_of("SIZES"), std::nullopt);
  EXPECT_EQ(extension_of(""), std::nullopt);
}

}  // namespace
}  // namespace sluice::smtp
