#include "shaping/limits.h"

#include <gtest/gtest.h>

namespace sluice::shaping {
namespace {

TEST(ConnectionLimits, NamesTheLimitThatIsWaitedFor) {
  EXPECT_EQ(name_of_wait(LimitVerdict::granted), "connection slot");
  EXPECT_NE(name_of_wait(LimitVerdict::route_full).find("route"), std::string_view::npos);
  EXPECT_NE(name_of_wait(LimitVerdict::node_full).find("limits.outgoing_connections"),
            std::string_view::npos);
}

}  // namespace
}  // namespace sluice::shaping
