#include "core/config_line.h"

#include <utility>

#include "core/config_document.h"
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

// What a string can stand behind.
bool may_precede_string(char c) { return std::string_view(" \t=,[{.").contains(c); }

// Where in a line we are: a quote for its kind of string, '#' for a comment, else 0.
class LineState {
 public:
  // Takes the character at the front of `rest`; what is wrong with it, or nothing.
  std::string_view take(std::string_view rest) {
    const char c = rest.front();
    if (is_control(rest)) return "found a control character, expected text";
    if (context_ == '#') return {};
    if (context_ != 0) return take_in_string(c);
    const char before = std::exchange(before_, c);
    if (static_cast<unsigned char>(c) >= 0x80) {
      return "found a character outside ASCII, expected those in comments and strings only";
    }
    if (rest.starts_with(R"(""")") || rest.starts_with("'''")) {
      return "found a string of several lines, expected strings of one line";
    }
    if (c == '.' && ++dots_ > kConfigLineDotsMax) return "found too many dots, expected a key";
    // Nor does toml++ end a word at '='.
    if (c == '=' && std::exchange(has_equals_, true)) {
      return "found a second '=', expected one between a key and its value";
    }
    if (c == ',' || c == '{') has_equals_ = false;
    const bool is_quote = c == '"' || c == '\'';
    // toml++ takes it for a part of the word, and looks at what follows as it does at words.
    if (is_quote && !may_precede_string(before)) {
      return "found a quote in the middle of a word, expected it around the whole";
    }
    if (is_quote || c == '#') context_ = c;
    return {};
  }

 private:
  std::string_view take_in_string(char c) {
    const bool is_escaped = is_behind_backslash_;
    is_behind_backslash_ = context_ == '"' && c == '\\' && !is_escaped;
    if (is_escaped && static_cast<unsigned char>(c) >= 0x80) {
      return "found a character outside ASCII behind a backslash, expected an escape";
    }
    if (c == context_ && !is_escaped) context_ = 0;
    return {};
  }

  char context_ = 0;
  char before_ = ' ';        // the last character outside strings
  bool has_equals_ = false;  // of the pair that we are in
  bool is_behind_backslash_ = false;
  std::size_t dots_ = 0;
};

}  // namespace

std::optional<ConfigLineFault> find_line_fault(std::string_view line) {
  if (const auto at = find_unreadable(line)) {
    return ConfigLineFault{
        .at = *at,
        .expectation = "found bytes that are no UTF-8, or a character from U+FE66 to U+FEFE"};
  }
  // A byte order mark at the start of the text is the parser's own matter.
  std::size_t at = line.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  LineState state;
  for (; at < line.size(); at += utf8_length(line.substr(at))) {
    if (const auto fault = state.take(line.substr(at)); !fault.empty()) {
      return ConfigLineFault{.at = at, .expectation = fault};
    }
  }
  return std::nullopt;
}

}  // namespace sluice
