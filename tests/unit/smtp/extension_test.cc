#include "smtp/extension.h"

#include <gtest/gtest.h>

#include <utility>

namespace sluice::smtp {
namespace {

TEST(Extension, IsFoundByItsKeywordInAnyCase) {
  const std::pair<Extension, const char*> known[] = {
      {Extension::pipelining, "Pipelining"},
      {Extension::size, "size"},
      {Extension::eight_bit_mime, "8bitMIME"},
      {Extension::enhanced_status_codes, "enhancedStatusCodes"},
      {Extension::chunking, "CHUNKING"},
  };
  for (const auto& [extension, keyword] : known) {
    EXPECT_EQ(extension_of(keyword), extension) << keyword;
    EXPECT_EQ(extension_of(keyword_of(extension)), extension) << keyword;
  }
}

TEST(Extension, IsNotFoundByPartsOfItsKeyword) {
  EXPECT_EQ(extension_of("SIZ"), std::nullopt);
  EXPECT_EQ(extension_of("SIZES"), std::nullopt);
  EXPECT_EQ(extension_of(""), std::nullopt);
}

}  // namespace
}  // namespace sluice::smtp
