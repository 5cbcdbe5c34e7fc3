// SLUICE_ASSERT: a check of our own mistakes, on in every build.
//
// For arguments, entry states, owner shards, counters and emptiness at destruction. Never for what
// peers, files, configuration or the wall clock say: those are Errors (core/error.h).
#pragma once

namespace sluice {

// Prints the place, the condition and the reason to standard error, and ends the process.
[[noreturn]] void assert_failed(const char* condition, const char* reason, const char* file,
                                int line) noexcept;

}  // namespace sluice

#define SLUICE_ASSERT(condition, reason)                               \
  do {                                                                 \
    if (!(condition)) [[unlikely]]                                     \
      ::sluice::assert_failed(#condition, reason, __FILE__, __LINE__); \
  } while (false)
