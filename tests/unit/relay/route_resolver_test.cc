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
  EXPECT_EQ(full_resolver().route_of({.domain = GetParam().domain}), GetParam().route);
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
  EXPECT_EQ(resolver.route_of({.domain = "example.com"}), std::nullopt);
  EXPECT_EQ(resolver.route_of({.domain = "example.org"}), std::nullopt);
  EXPECT_EQ(RouteResolver({}).route_of({.domain = "example.net"}), std::nullopt);
}

TEST(RouteResolver, ChoosesByTenantAndClassAmongRoutesWithOnePattern) {
  std::vector<RouteSettings> routes{route({"*"}), route({"*"}), route({"*"}), route({"b.test"})};
  routes[1].classes = {MessageClass::transactional};
  routes[2].tenants = {"acme", "other"};
  const RouteResolver resolver(routes);
  const auto route_of = [&](std::string_view domain, std::string_view tenant, MessageClass klass) {
    return resolver.route_of({.domain = domain, .tenant = tenant, .klass = klass});
  };
  EXPECT_EQ(route_of("a.test", "", MessageClass::bulk), 0u);
  EXPECT_EQ(route_of("a.test", "", MessageClass::transactional), 1u);
  EXPECT_EQ(route_of("a.test", "acme", MessageClass::bulk), 2u);
  EXPECT_EQ(route_of("a.test", "acme", MessageClass::transactional), 2u);
  EXPECT_EQ(route_of("b.test", "acme", MessageClass::bulk), 3u);
  EXPECT_EQ(resolver.route_of({.domain = "a.test"}), 1u);  // some class has it
}

TEST(RouteResolver, ARouteOfSomebodyElseIsNone) {
  std::vector<RouteSettings> routes{route({"a.test"}), route({"*"})};
  routes[0].tenants = {"acme"};
  const RouteResolver resolver(routes);
  EXPECT_EQ(resolver.route_of({.domain = "a.test", .tenant = "acme"}), 0u);
  EXPECT_EQ(resolver.route_of({.domain = "a.test", .tenant = "other"}), 1u);
  routes.pop_back();
  EXPECT_EQ(RouteResolver(routes).route_of({.domain = "a.test", .tenant = "other"}), std::nullopt);
}

TEST(RouteResolver, TheFirstOfTwoRoutesWithOnePatternWins) {
  const RouteResolver resolver({route({"*"}), route({"*"})});
  EXPECT_EQ(resolver.route_of({.domain = "example.com"}), 0u);
}

}  // namespace
}  // namespace sluice::relay
