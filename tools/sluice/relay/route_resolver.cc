#include "relay/route_resolver.h"

#include <algorithm>

namespace sluice::relay {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

}  // namespace

RouteResolver::RouteResolver(const std::vector<RouteSettings>& routes) {
  for (std::size_t i = 0; i < routes.size(); ++i) {
    for (const std::string& pattern : routes[i].domains) routes_.emplace(lower(pattern), i);
  }
}

std::optional<std::size_t> RouteResolver::find(const std::string& pattern) const {
  const auto found = routes_.find(pattern);
  if (found == routes_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::size_t> RouteResolver::route_of(std::string_view domain) const {
  if (auto route = find(std::string(domain))) return route;
  for (std::size_t dot = domain.find('.'); dot != std::string_view::npos;
       dot = domain.find('.', dot + 1)) {
    if (auto route = find("*" + std::string(domain.substr(dot)))) return route;
  }
  return find("*");
}

}  // namespace sluice::relay
