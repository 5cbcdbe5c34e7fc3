// ExitStatus: what the program returns, set by the command that ran.
//
// 0: done; 1: it failed, and said why; 2: the command line was wrong.
#pragma once

namespace sluice::commands {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

struct ExitStatus {
  int value = kExitDone;
};

}  // namespace sluice::commands
