// RouteResolver: which route a recipient domain takes. Pure.
//
// "example.net" beats "*.example.net" beats "*"; of two "*." patterns the longer wins.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "relay/config.h"

namespace sluice::relay {

class RouteResolver {
 public:
  explicit RouteResolver(const std::vector<RouteSettings>& routes);

  // The index of the route, nothing when no pattern fits. `domain` in lower case.
  std::optional<std::size_t> route_of(std::string_view domain) const;

 private:
  std::optional<std::size_t> find(const std::string& pattern) const;
  std::unordered_map<std::string, std::size_t> routes_;  // by pattern, in lower case
};

}  // namespace sluice::relay
