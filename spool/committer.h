// Committer: the one writer of a partition. Natural group commit: everything that came while the
// last commit was syncing becomes the next one, and then is answered, one letter per shard.
//
// Its step function is called by a worker thread (core/executor.h) and does at most one commit. The
// verbs above it are for any thread. It knows no shard but the ones that ask.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "core/clock.h"
#include "core/executor.h"
#include "core/metrics.h"
#include "spool/answers.h"
#include "spool/commit_pacing.h"
#include "spool/file_growth.h"
#include "spool/housekeeping.h"
#include "spool/intake.h"
#include "spool/outcome_log.h"
#include "spool/partition_state.h"
#include "spool/space_watch.h"
#include "spool/spool_metrics.h"

namespace sluice::spool {

inline constexpr std::size_t kMessagesPerCommitMax = 512;
inline constexpr std::size_t kBytesPerCommitMax = 32 << 20;
inline constexpr unsigned kCommitsPerOutcomes = 8;  // outcomes ride along with every 8th commit,
inline constexpr Duration kOutcomeAgeMax =
    std::chrono::milliseconds(20);  // or when one is this old
inline constexpr Duration kFullRetryInterval = std::chrono::milliseconds(100);

struct CommitterSettings {
  ByteCount disk_free;
  unsigned reserved_percent;
  Duration compaction_delay;
  Duration queue_idle;
};

// Whom it tells; called on its thread.
struct CommitterLinks {
  std::function<void(Error)> on_fatal;
  std::function<void(EnvelopeKey, std::string)> on_quarantined;
  std::function<void(std::vector<std::uint64_t>)> compact;
};

class Committer {
 public:
  Committer(const Environment& environment, PartitionState state,
            const CommitterSettings& settings);
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // From any thread.
  template <class Work>
  void submit(Work work) {
    if (intake_.push(std::move(work))) wake();
  }
  void record(EnvelopeOutcome outcome);
  bool has_room(Space space) const { return space_.has_room(space); }
  void set_disk_free(ByteCount bytes) {
    space_.set_disk_free(bytes);
    wake();
  }
  const OutcomeLog& outcomes() const { return outcomes_; }
  Accounting accounting() const;
  const MetricRegistry& metrics() const { return registry_; }

  // Before the worker starts, and right after.
  void link(CommitterLinks links) { links_ = std::move(links); }
  void attach(Worker* worker);

  // One bounded piece of work; see core/executor.h.
  Instant step();

  // After the worker was stopped: commits what is left, drops answers nobody waits for.
  void finish();

 private:
  // What one commit takes.
  struct Round {
    std::vector<std::unique_ptr<AcceptRequest>> messages;
    std::vector<PartWork> parts;
    std::vector<std::unique_ptr<FlushRequest>> flushes;
    std::vector<std::unique_ptr<LedgerRequest>> ledger;
    std::span<const EnvelopeOutcome> outcomes;
    std::size_t bytes = 0;
  };
  void wake();
  void take_work();
  CommitPacing::Load load() const;
  Instant due(Instant now);
  Instant sleep(Instant now, Instant until);

  void commit_round(Instant now);
  Round gather(Instant now);
  void gather_parts(Round& round, Round& refused);
  void gather_messages(Round& round, Round& refused);
  bool outcomes_are_due(Instant now) const;
  Result<void> write(const Round& round);
  Result<void> write_once(const Round& round);
  Result<void> free_pages();
  Result<void> write_outcomes(std::span<const EnvelopeOutcome> outcomes);
  Result<void> conclude(Batch& batch);
  void count(const BatchCounts& counts);
  void settle(Round round);
  void settle_failure(Round round, const Error& error, Instant now);
  // How many of them, from the front, are done with.
  std::size_t save_outcomes(std::span<const EnvelopeOutcome> outcomes, Instant now);
  void answer(Round round, const Result<void>& result);

  void keep_house(Instant now);
  void die(const Error& error);
  void tell_death();
  void refuse_everything();

  const Environment& environment_;
  PartitionState state_;
  Clock clock_;
  MetricRegistry registry_;
  CommitterMetrics metrics_;
  CommitterLinks links_;
  std::atomic<Worker*> worker_{nullptr};

  Intake intake_;
  OutcomeLog outcomes_;

  CommitterWork backlog_;
  Answers answers_;
  CommitPacing pacing_;
  SpaceWatch space_;
  FileGrowth growth_;
  Housekeeping housekeeping_;
  unsigned commits_since_outcomes_ = 0;
  unsigned commits_since_housekeeping_ = 0;
  Instant outcomes_postponed_until_{0};
  std::optional<Error> death_;  // LMDB can no longer be used
  Instant death_told_at_{0};    // until then, what comes is answered
  bool is_death_told_ = false;
  bool is_finishing_ = false;

  mutable std::mutex accounting_mutex_;
  Accounting accounting_;
};

}  // namespace sluice::spool
