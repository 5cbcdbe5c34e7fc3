#include "relay/route_resolver.h"

#include <algorithm>
#include <tuple>

namespace sluice::relay {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

template <class Value, class Wanted>
bool has(const std::vector<Value>& values, const Wanted& wanted) {
  return std::ranges::find(values, wanted) != values.end();
}

}  // namespace

RouteResolver::RouteResolver(const std::vector<RouteSettings>& routes) {
  for (std::size_t i = 0; i < routes.size(); ++i) {
    for (const std::string& pattern : routes[i].domains) {
      routes_[lower(pattern)].push_back(
          Entry{.route = i, .tenants = routes[i].tenants, .classes = routes[i].classes});
    }
  }
  const auto is_narrower = [](const Entry& a, const Entry& b) {
    return std::tuple(a.tenants.empty(), a.classes.empty(), a.route) <
           std::tuple(b.tenants.empty(), b.classes.empty(), b.route);
  };
  for (auto& [pattern, entries] : routes_) std::ranges::sort(entries, is_narrower);
}

std::optional<std::size_t> RouteResolver::find(const std::string& pattern,
                                               const RouteQuestion& question) const {
  const auto found = routes_.find(pattern);
  if (found == routes_.end()) return std::nullopt;
  for (const Entry& entry : found->second) {
    const bool fits_tenant = entry.tenants.empty() || has(entry.tenants, question.tenant);
    const bool fits_class =
        entry.classes.empty() || !question.klass || has(entry.classes, *question.klass);
    if (fits_tenant && fits_class) return entry.route;
  }
  return std::nullopt;
}

std::optional<std::size_t> RouteResolver::route_of(const RouteQuestion& question) const {
  const std::string_view domain = question.domain;
  if (auto route = find(std::string(domain), question)) return route;
  for (std::size_t dot = domain.find('.'); dot != std::string_view::npos;
       dot = domain.find('.', dot + 1)) {
    if (auto route = find("*" + std::string(domain.substr(dot)), question)) return route;
  }
  return find("*", question);
}

}  // namespace sluice::relay
