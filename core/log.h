// Log: one event per line, a constant name and key=value fields, as text or JSON.
//
// SLUICE_LOG(info, "delivery_deferred", {"site", site}, {"attempts", attempts});
// Writing happens on the logger's own thread; a line is formatted by the caller and queued. When
// the queue is full the line is counted as dropped, never silently: the count is a metric, and a
// line log_lines_dropped follows. error: someone must act; warning: the operator should know; info:
// the life of a message or connection; debug: what a developer asks for. Never message content or
// credentials.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/log_line.h"

namespace sluice {

struct LogSettings {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  std::string file;  // empty: standard error
  bool operator==(const LogSettings&) const = default;
};

// Opens the process's log; before it, lines go to standard error. The log is the one process-wide
// object: a line must be possible from anywhere, and it holds no state that anyone reads back.
Result<void> open_log(const LogSettings& settings);

// The same in two steps, for those who must know that it can be opened before they change anything:
// what was prepared takes the place of the log that is open, which is written to its end first.
class PreparedLog;
Result<std::shared_ptr<PreparedLog>> prepare_log(const LogSettings& settings);
void adopt_log(const std::shared_ptr<PreparedLog>& prepared);

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
