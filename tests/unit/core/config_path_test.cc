#include "core/config_path.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

// What a path is when it is put together again; "" when the text is none.
std::string again(std::string_view text) {
  const auto steps = parse_config_path(text);
  if (!steps) return "";
  std::string path;
  for (const ConfigStep& step : *steps) {
    path = config_key_in(path, step.name);
    if (step.index) path = config_key_at(path, *step.index);
  }
  return path;
}

TEST(ConfigPath, IsTheSamePutTogetherAgain) {
  for (const char* const path :
       {"shards", "limits.memory", "route[0].smart_hosts", "a-b_C9[999999].x[1]"}) {
    EXPECT_EQ(again(path), path);
  }
}

TEST(ConfigPath, IsRefusedWhereItCannotName) {
  for (const char* const text : {"", ".", "a.", ".a", "a..b", "a b", "a[", "a[]", "a[x]", "a[-1]",
                                 "a[1", "a[1]b", "a[0][1]", "[0]", "a[1000000]", "a=1", "\u00e9"}) {
    EXPECT_EQ(again(text), "") << text;
  }
}

TEST(ConfigPath, TakesNamesWithoutQuotesAsTomlDoes) {
  EXPECT_TRUE(is_bare_config_name("a-B_9"));
  EXPECT_FALSE(is_bare_config_name(""));
  EXPECT_FALSE(is_bare_config_name("a.b"));
  EXPECT_FALSE(is_bare_config_name("\u00e9"));
}

}  // namespace
}  // namespace sluice
