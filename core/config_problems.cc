#include "core/config_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace sluice {

namespace {

// Whether `inner` is `outer` or a key inside it.
bool is_within(std::string_view inner, std::string_view outer) {
  if (!inner.starts_with(outer)) return false;
  return inner.size() == outer.size() || inner[outer.size()] == '.' || inner[outer.size()] == '[';
}

// An option says itself which key it means, `--set KEY` by name and the others by being it.
bool place_names_key(const ConfigPlace& place, std::string_view key) {
  constexpr std::string_view kSet = "--set ";
  if (place.source.starts_with(kSet)) return place.source.substr(kSet.size()) == key;
  return place.source.starts_with("--");
}

}  // namespace

std::string ConfigProblem::to_string() const {
  std::string text = place.to_string();
  if (!text.empty()) text += ": ";
  if (!key.empty() && !place_names_key(place, key)) text += key + ": ";
  return text + sentence;
}

void ConfigProblems::add(ConfigPlace place, std::string key, std::string sentence) {
  if (problems_.size() == kProblemsMax) {
    ++further_;
    return;
  }
  problems_.emplace_back(std::move(place), std::move(key), std::move(sentence));
}

void ConfigProblems::add_found(const ConfigNode& node, std::string key, std::string_view expected) {
  add(node.place, std::move(key), fmt::format("found {}, expected {}", node.describe(), expected));
}

bool ConfigProblems::concern(std::string_view key) const {
  return std::ranges::any_of(problems_, [&](const ConfigProblem& problem) {
    return !problem.key.empty() && (is_within(problem.key, key) || is_within(key, problem.key));
  });
}

bool ConfigProblems::leave_gaps() const {
  return std::ranges::any_of(problems_, &std::string::empty, &ConfigProblem::key);
}

std::vector<ConfigProblem> ConfigProblems::sorted() const {
  std::map<std::string_view, std::size_t> order;
  for (const ConfigProblem& problem : problems_) {
    order.try_emplace(problem.place.source, order.size());
  }
  std::vector<std::tuple<std::size_t, std::uint32_t, std::uint32_t, std::size_t>> positions;
  for (std::size_t i = 0; i < problems_.size(); ++i) {
    const ConfigPlace& place = problems_[i].place;
    positions.emplace_back(order.at(place.source), place.line, place.column, i);
  }
  std::ranges::sort(positions);

  std::vector<ConfigProblem> problems;
  problems.reserve(positions.size() + 1);
  for (const auto& position : positions) problems.push_back(problems_[std::get<3>(position)]);
  if (further_ > 0) problems.push_back({{}, {}, fmt::format("and {} more problems", further_)});
  return problems;
}

std::string join_problems(std::span<const ConfigProblem> problems) {
  std::string text;
  for (const ConfigProblem& problem : problems) {
    text += (text.empty() ? "" : "\n") + problem.to_string();
  }
  return text;
}

}  // namespace sluice
