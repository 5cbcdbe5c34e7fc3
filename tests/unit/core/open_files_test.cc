#include "core/open_files.h"

#include <gtest/gtest.h>

#include "tests/unit/core/few_files.h"

namespace sluice {
namespace {

TEST(OpenFiles, RaisesTheLimitUpToWhatTheSystemAllows) {
  const FewFiles few(64);
  const auto raised = raise_open_files(128);
  ASSERT_TRUE(raised);
  EXPECT_EQ(*raised, 128u);
  const auto kept = raise_open_files(100);
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept, 128u);
}

TEST(OpenFiles, SaysWhatToDoWhenTheSystemAllowsLess) {
  const auto refused = raise_open_files(std::uint64_t{1} << 40);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::refused);
  EXPECT_NE(refused.error().sentence().find("ulimit -n"), std::string::npos);
}

}  // namespace
}  // namespace sluice
