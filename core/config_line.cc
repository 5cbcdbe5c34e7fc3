#include "core/config_line.h"

#include "core/utf8.h"

namespace sluice {

namespace {

// TOML 1.0: no control character but the tab stands anywhere, not even in a comment; a CR ends the
// line that LF ends.
bool is_control(std::string_view rest) {
  const char c = rest.front();
  if (c == '\r') return rest.size() > 1;
  return (c >= 0 && c < ' ' && c != '\t') || c == '\x7F';
}

// Counts the dots outside strings and comments. Of a string of several lines it sees each line as
// if a line began with it: prose with so many dots is refused by mistake, no key is let through.
class DotCounter {
 public:
  bool is_one_too_many(char c) {
    if (context_ == '#') return false;
    if (context_ != 0) {
      const bool is_escaped = is_behind_backslash_;
      is_behind_backslash_ = context_ == '"' && c == '\\' && !is_escaped;
      if (c == context_ && !is_escaped) context_ = 0;
      return false;
    }
    if (c == '"' || c == '\'' || c == '#') context_ = c;
    return c == '.' && ++dots_ > kConfigLineDotsMax;
  }

 private:
  char context_ = 0;  // a quote for its kind of string, '#' for a comment
  bool is_behind_backslash_ = false;
  std::size_t dots_ = 0;
};

}  // namespace

std::optional<ConfigLineFault> find_line_fault(std::string_view line) {
  if (const auto at = find_invalid_utf8(line)) {
    return ConfigLineFault{.at = *at, .expectation = "found bytes that are no UTF-8"};
  }
  DotCounter dots;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (is_control(line.substr(at))) {
      return ConfigLineFault{.at = at, .expectation = "found a control character, expected text"};
    }
    if (dots.is_one_too_many(line[at])) {
      return ConfigLineFault{.at = at, .expectation = "found too many dots, expected a key"};
    }
  }
  return std::nullopt;
}

}  // namespace sluice
