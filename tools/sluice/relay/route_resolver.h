// RouteResolver: which route a message to a domain takes. Pure.
//
// "example.net" beats "*.example.net" beats "*"; of two "*." patterns the longer wins. Of the
// routes with one pattern, one that names the tenant wins, then one that names the class, then the
// first.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "relay/config.h"

namespace sluice::relay {

// What a route is chosen by.
struct RouteQuestion {
  std::string_view domain;                 // in lower case
  std::string_view tenant = {};            // empty: nobody's
  std::optional<MessageClass> klass = {};  // unset: not known yet, any will do
};

class RouteResolver {
 public:
  explicit RouteResolver(const std::vector<RouteSettings>& routes);

  // The index of the route, nothing when none fits.
  std::optional<std::size_t> route_of(const RouteQuestion& question) const;

 private:
  struct Entry {
    std::size_t route;
    std::vector<std::string> tenants;
    std::vector<MessageClass> classes;
  };
  std::optional<std::size_t> find(const std::string& pattern, const RouteQuestion& question) const;

  std::unordered_map<std::string, std::vector<Entry>> routes_;  // by pattern, in lower case
};

}  // namespace sluice::relay
