// Error and Result: the one way in which something fails at run time.
//
// An Error is a code to branch on and a sentence for the log. The layer that handles it logs it;
// nobody both logs and returns. What a peer says is a value, not an Error: a 451 is a Reply.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

enum class ErrorCode : std::uint8_t {
  cancelled,        // our own side asked the task to stop
  timed_out,        // a Deadline passed
  end_of_stream,    // the peer closed in order
  connection_lost,  // the peer reset, or the network failed
  refused,          // the peer or the system refused (connect, bind, permission)
  syntax,           // outside bytes break their format
  limit_exceeded,   // a k...Max was passed by outside data
  out_of_budget,    // a memory budget is used up
  storage_full,     // disk or map is full
  storage_failed,   // the disk or LMDB reported an error
  corrupt,          // stored data fails its check
  not_found,
  already_exists,
  invalid_argument,  // the operator asked for something that cannot be
  unsupported,       // the kernel or the peer lacks what is needed
  system,            // any other system call that failed
};

// The constant name, for logs: "timed_out".
std::string_view name_of(ErrorCode code);

class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string sentence) : code_(code), sentence_(std::move(sentence)) {}

  ErrorCode code() const { return code_; }
  const std::string& sentence() const { return sentence_; }

  // The same error with context in front: "spool: commit: No space left on device".
  Error within(std::string_view context) &&;

 private:
  ErrorCode code_;
  std::string sentence_;
};

template <class T>
using Result = std::expected<T, Error>;

// return fail(ErrorCode::syntax, "bad reply code");
inline std::unexpected<Error> fail(ErrorCode code, std::string sentence) {
  return std::unexpected(Error(code, std::move(sentence)));
}

// An Error of a system call: errno's own words behind `what`. `number` is positive.
Error system_error(std::string_view what, int number);

}  // namespace sluice

#define SLUICE_CONCATENATE_(a, b) a##b
#define SLUICE_CONCATENATE(a, b) SLUICE_CONCATENATE_(a, b)
#define SLUICE_TRY_(result, name, expression, leave)             \
  auto result = (expression);                                    \
  if (!result) leave std::unexpected(std::move(result).error()); \
  auto name = std::move(result).value()

// SLUICE_TRY(command, parse_command(line)); declares `command`, or returns the Error.
#define SLUICE_TRY(name, expression) \
  SLUICE_TRY_(SLUICE_CONCATENATE(result_, __LINE__), name, expression, return)

// The same inside a coroutine: SLUICE_CO_TRY(line, co_await reader.read(deadline));
#define SLUICE_CO_TRY(name, expression) \
  SLUICE_TRY_(SLUICE_CONCATENATE(result_, __LINE__), name, expression, co_return)
