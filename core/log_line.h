// log_line: an event as one line of the log, as text for people or as JSON for programs.
//
// Whatever a value holds, it ends neither its line nor its own quotes, and no terminal acts on it.
// Pure: the time is an argument. Where lines go is core/log.h.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace sluice {

// Values that outside data fills are cut here.
inline constexpr std::size_t kLogValueBytesMax = 4096;

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { text, json };

// A field of a log line. Holds its value as text; views must outlive the statement.
class LogField {
 public:
  LogField(std::string_view key, std::string_view value) : key_(key), text_(value) {}
  LogField(std::string_view key, const char* value) : key_(key), text_(value) {}
  LogField(std::string_view key, const std::string& value) : key_(key), text_(value) {}
  template <std::integral Number>
  LogField(std::string_view key, Number value)
      : key_(key), number_(std::to_string(value)), is_number_(true) {}

  std::string_view key() const { return key_; }
  std::string_view value() const { return is_number_ ? std::string_view(number_) : text_; }
  bool is_number() const { return is_number_; }

 private:
  std::string_view key_;
  std::string_view text_;
  std::string number_;
  bool is_number_ = false;
};

struct LogEvent {
  WallTime time;
  LogLevel level;
  std::string_view name;  // constant: "delivery_deferred"
  std::span<const LogField> fields;
};

// Without the LF at its end.
std::string log_line(LogFormat format, const LogEvent& event);

}  // namespace sluice
