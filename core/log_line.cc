#include "core/log_line.h"

#include <fmt/format.h>

#include <chrono>
#include <iterator>

#include "core/utf8.h"

namespace sluice {

namespace {

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "error";
}

// "2026-01-02T03:04:05.678Z"
void append_time(std::string& line, WallTime time) {
  using namespace std::chrono;  // NOLINT(google-build-using-namespace): calendar arithmetic
  const sys_time<milliseconds> point{milliseconds(time.milliseconds())};
  const auto day = floor<days>(point);
  const year_month_day date(day);
  const hh_mm_ss clock(point - day);
  fmt::format_to(std::back_inserter(line), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                 clock.seconds().count(), clock.subseconds().count());
}

// The bytes of the character at the start of `text`, or 0 when it must not be shown as it is: bytes
// that are no UTF-8, and C1 controls (U+0080 to U+009F), on which terminals act.
std::size_t showable_length(std::string_view text) {
  const bool is_c1_control = text.size() > 1 && text[0] == '\xC2' && text[1] < '\xA0';
  return is_c1_control ? 0 : utf8_length(text);
}

// Appends between quotes, so that no value can end the line, the value or the terminal's state.
void append_quoted(std::string& line, std::string_view value, LogFormat format) {
  line += '"';
  while (!value.empty()) {
    const char c = value.front();
    const auto byte = static_cast<unsigned char>(c);
    std::size_t length = 1;
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (byte >= 0x20 && byte < 0x7F) {
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (c == '\r') {
      line += "\\r";
    } else if (c == '\t') {
      line += "\\t";
    } else if (byte >= 0x80 && showable_length(value) > 0) {
      length = showable_length(value);
      line += value.substr(0, length);
    } else {
      // JSON has no escape for a byte (RFC 8259 7): a stray one is shown as its Latin-1 character.
      const auto* const escape = format == LogFormat::json ? "\\u{:04x}" : "\\x{:02x}";
      fmt::format_to(std::back_inserter(line), fmt::runtime(escape), byte);
    }
    value.remove_prefix(length);
  }
  line += '"';
}

bool needs_quotes(std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7F || c == '"' || c == '\\' || c == '=') return true;
  }
  return value.empty();
}

void append_value(std::string& line, const LogField& field, LogFormat format) {
  const std::string_view value = field.value().substr(0, kLogValueBytesMax);
  if (field.is_number() || (format == LogFormat::text && !needs_quotes(value))) {
    line += value;
    return;
  }
  append_quoted(line, value, format);
}

std::string text_line(const LogEvent& event) {
  std::string line;
  append_time(line, event.time);
  fmt::format_to(std::back_inserter(line), " {:<7} {}", name_of(event.level), event.name);
  for (const LogField& field : event.fields) {
    line += ' ';
    line += field.key();
    line += '=';
    append_value(line, field, LogFormat::text);
  }
  return line;
}

std::string json_line(const LogEvent& event) {
  std::string line = "{\"time\":\"";
  append_time(line, event.time);
  fmt::format_to(std::back_inserter(line), "\",\"level\":\"{}\",\"event\":\"{}\"",
                 name_of(event.level), event.name);
  for (const LogField& field : event.fields) {
    line += ',';
    append_quoted(line, field.key(), LogFormat::json);
    line += ':';
    append_value(line, field, LogFormat::json);
  }
  line += '}';
  return line;
}

}  // namespace

std::string log_line(LogFormat format, const LogEvent& event) {
  return format == LogFormat::json ? json_line(event) : text_line(event);
}

}  // namespace sluice
