// ExitStatus: what the program returns, set by the command that ran.
//
// 0: done; 1: it failed, and said why; 2: the command line was wrong, or what it named could not be
// looked at (spool verify, where 1 says that a spool is damaged).
#pragma once

namespace sluice::commands {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

struct ExitStatus {
  int value = kExitDone;
};

}  // namespace sluice::commands
