// CommitPacing: when the next commit starts.
//
// A commit costs about the same however few messages it holds. So it starts at once while little
// comes in, and above some thousands of messages per second keeps a gap to the start of the last
// one. The gap ends early when enough has come together: senders that wait for each 250 come back
// after it, so most of those that were answered last, or waited then, are all that can be hoped
// for. It decides and never waits. Pure; the committer's.
#pragma once

#include <cstddef>

#include "core/clock.h"

namespace sluice::spool {

class CommitPacing {
 public:
  static constexpr std::size_t kMessagesEnough = 128;
  static constexpr std::size_t kBytesEnough = 1 << 20;
  // Below the first rate there is no gap; from there it grows to its most at the second.
  static constexpr double kBusyRate = 3'000;  // messages per second
  static constexpr double kFullRate = 10'000;
  static constexpr Duration kGapMin = std::chrono::microseconds(500);
  static constexpr Duration kGapMax = std::chrono::microseconds(1000);

  struct Load {
    std::size_t messages;
    std::size_t bytes;
  };

  // When a commit of this load starts: now, or the end of the gap.
  Instant due(Instant now, const Load& load) const;
  void started(Instant now, std::size_t messages);
  // The senders of the last commit have their replies; so many messages wait for the next.
  void answered(std::size_t waiting);
  Duration gap() const;
  std::size_t messages_enough() const;  // 1 to kMessagesEnough

 private:
  Instant last_start_{0};
  double rate_ = 0;
  std::size_t last_messages_ = 0;
  std::size_t expected_ = 0;  // of a batch, when everybody has come back
};

}  // namespace sluice::spool
