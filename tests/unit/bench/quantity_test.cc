#include "bench/quantity.h"

#include <gtest/gtest.h>

namespace sluice::bench {
namespace {

TEST(Quantity, ReadsSizesWithTheirUnits) {
  EXPECT_EQ(parse_bytes("0").value(), 0u);
  EXPECT_EQ(parse_bytes("512").value(), 512u);
  EXPECT_EQ(parse_bytes("10KB").value(), 10'000u);
  EXPECT_EQ(parse_bytes("1MiB").value(), 1u << 20);
}

TEST(Quantity, ReadsDurationsWithTheirUnits) {
  EXPECT_EQ(parse_duration("50ms").value(), std::chrono::milliseconds(50));
  EXPECT_EQ(parse_duration("5m").value(), std::chrono::minutes(5));
}

TEST(Quantity, RefusesWhatIsNoQuantity) {
  for (const char* text :
       {"", "KB", "-1KB", "1 KB", "1kb", "18446744073709551616", "20000000000GB"}) {
    EXPECT_FALSE(parse_bytes(text).has_value()) << text;
  }
  for (const char* text : {"", "5", "ms", "5 ms", "99999999999h"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace sluice::bench
