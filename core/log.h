// Log: one event per line, a constant name and key=value fields, as text or JSON.
//
// SLUICE_LOG(info, "delivery_deferred", {"site", site}, {"attempts", attempts});
// Writing happens on the logger's own thread; a line is formatted by the caller and queued. When
// the queue is full the line is counted as dropped, never silently: the count is a metric, and a
// line log_lines_dropped follows. error: someone must act; warning: the operator should know; info:
// the life of a message or connection; debug: what a developer asks for. Never message content or
// credentials.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/error.h"

namespace sluice {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { text, json };

struct LogSettings {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  std::string file;  // empty: standard error
};

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

// Opens the process's log; before it, lines go to standard error. The log is the one process-wide
// object: a line must be possible from anywhere, and it holds no state that anyone reads back.
Result<void> open_log(const LogSettings& settings);
void close_log();   // flushes
void reopen_log();  // after the file was moved (SIGHUP)
std::uint64_t log_lines_dropped();

bool is_logged(LogLevel level);
void write_log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

}  // namespace sluice

#define SLUICE_LOG(level, event, ...)                                       \
  do {                                                                      \
    if (::sluice::is_logged(::sluice::LogLevel::level))                     \
      ::sluice::write_log(::sluice::LogLevel::level, event, {__VA_ARGS__}); \
  } while (false)
