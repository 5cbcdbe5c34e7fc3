#include "commands/cell_text.h"

#include <gtest/gtest.h>

namespace sluice::commands {
namespace {

TEST(CellText, ShowsAnAgeInItsTwoLargestUnits) {
  EXPECT_EQ(show_age(-1), "0s");
  EXPECT_EQ(show_age(59), "59s");
  EXPECT_EQ(show_age(60), "1m00s");
  EXPECT_EQ(show_age(3599), "59m59s");
  EXPECT_EQ(show_age(7500), "2h05m");
  EXPECT_EQ(show_age(86400 + 3600), "1d01h");
}

TEST(CellText, AWaitThatIsOverIsNow) {
  EXPECT_EQ(show_wait(0), "now");
  EXPECT_EQ(show_wait(250), "in 4m10s");
}

TEST(CellText, CutsATextBetweenItsCharacters) {
  EXPECT_EQ(shorten("0123456789", 10), "0123456789");
  EXPECT_EQ(shorten("0123456789x", 10), "0123456...");
  EXPECT_EQ(shorten("012345\u20ac89x", 10), "012345...");
}

}  // namespace
}  // namespace sluice::commands
