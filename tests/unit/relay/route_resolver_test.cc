#include "relay/route_resolver.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

RouteSettings route(std::vector<std::string> domains) {
  RouteSettings settings;
  settings.domains = std::move(domains);
  return settings;
}

// 0: all, 1: below example.net, 2: example.net, 3: below deep.example.net, 4: written in capitals.
RouteResolver full_resolver() {
  return RouteResolver({route({"*"}), route({"*.example.net"}), route({"example.net", "other.org"}),
                        route({"*.deep.example.net"}), route({"CAPITAL.example"})});
}

struct RouteCase {
  const char* name;
  const char* domain;
  std::size_t route;
};

class FullRouteResolver : public testing::TestWithParam<RouteCase> {};

TEST_P(FullRouteResolver, TakesTheMostSpecificPattern) {
  EXPECT_EQ(full_resolver().route_of(GetParam().domain), GetParam().route);
}

INSTANTIATE_TEST_SUITE_P(
    Domains, FullRouteResolver,
    testing::Values(RouteCase{"exact", "example.net", 2}, RouteCase{"second_name", "other.org", 2},
                    RouteCase{"below", "a.example.net", 1},
                    RouteCase{"two_levels_below", "b.a.example.net", 1},
                    RouteCase{"longer_pattern", "a.deep.example.net", 3},
                    RouteCase{"the_pattern_is_below_its_name", "deep.example.net", 1},
                    RouteCase{"any", "example.com", 0},
                    RouteCase{"suffix_without_dot", "badexample.net", 0},
                    RouteCase{"below_an_exact_name", "a.other.org", 0},
                    RouteCase{"capitals_in_the_pattern", "capital.example", 4},
                    RouteCase{"without_dots", "localhost", 0},
                    RouteCase{"literal", "[192.0.2.1]", 0}, RouteCase{"empty", "", 0}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RouteResolver, FindsNothingWhereNoPatternFits) {
  const RouteResolver resolver({route({"example.net", "*.example.org"})});
  EXPECT_EQ(resolver.route_of("example.com"), std::nullopt);
  EXPECT_EQ(resolver.route_of("example.org"), std::nullopt);
  EXPECT_EQ(RouteResolver({}).route_of("example.net"), std::nullopt);
}

TEST(RouteResolver, TheFirstOfTwoRoutesWithOnePatternWins) {
  const RouteResolver resolver({route({"*"}), route({"*"})});
  EXPECT_EQ(resolver.route_of("example.com"), 0u);
}

}  // namespace
}  // namespace sluice::relay
