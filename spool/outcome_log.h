// OutcomeLog: outcomes that were handed over and are not yet on disk.
//
// Shards push, the committer takes them into a commit, and the reader looks up what it must add to
// an envelope that it reads: an envelope is never given out with recipients that have ended.
// Outcomes leave only after their commit, so whoever looks here first and begins reading then
// misses none.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "core/clock.h"
#include "spool/spool.h"

namespace sluice::spool {

// Outcomes of one partition that may wait for their commit without their task waiting too.
inline constexpr std::size_t kOutcomesPendingMax = 8192;

class OutcomeLog {
 public:
  // From any thread. True when the committer should be woken: it knew of none.
  bool push(EnvelopeOutcome outcome, Instant now);
  bool is_full() const;

  // The committer: what waits becomes the outcomes of the next commit, in order. They stay here
  // until committed(); calling take() again before adds to them.
  std::span<const EnvelopeOutcome> take();
  void committed();
  // Only the first `count` of them are done.
  void committed(std::size_t count);

  // When the oldest that is not committed came; nothing when there is none.
  std::optional<Instant> oldest() const;
  std::size_t size() const;

  // Positions of recipients that ended by outcomes not yet committed, for each key. `keys` is
  // sorted.
  std::vector<std::vector<std::uint16_t>> ended(std::span<const EnvelopeKey> keys) const;

 private:
  mutable std::mutex mutex_;
  std::vector<EnvelopeOutcome> waiting_;
  std::vector<EnvelopeOutcome> committing_;  // changed by the committer only, under the mutex
  std::optional<Instant> oldest_waiting_;
  std::optional<Instant> oldest_committing_;
};

}  // namespace sluice::spool
