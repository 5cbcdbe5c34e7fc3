// Reader: reads back from a partition what is asked for, walks it at the start, and copies
// survivors for compaction. Pages may be cold, so it has a thread of its own; each transaction ends
// within milliseconds, because one that is held open makes the file grow.
//
// Reads are done in the order in which they lie on disk, with the kernel told before. The verbs are
// for any thread; step() is a worker's (core/executor.h).
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "core/executor.h"
#include "spool/answers.h"
#include "spool/outcome_log.h"
#include "spool/queue_names.h"
#include "spool/recovery.h"
#include "spool/spool_metrics.h"

namespace sluice::spool {

inline constexpr std::size_t kReadsPerRound = 64;
inline constexpr std::size_t kReadBytesPerRound = 2 << 20;

// Whom it tells; called on its thread.
struct ReaderLinks {
  std::function<void(std::vector<WaitingEnvelope>)> on_envelopes;
  std::function<void()> on_all_envelopes;
  std::function<void(Error)> on_fatal;
  std::function<void(std::vector<QuarantinedEnvelope>)> damaged;
  std::function<void(CompactedPacks)> compacted;
  std::function<void(RecoveredPartition)> recovered;
};

class Reader {
 public:
  Reader(const Environment& environment, const OutcomeLog& outcomes, const QueueNames& names,
         MemoryBudget& budget);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // From any thread.
  void submit(std::unique_ptr<ReadRequest> request);
  void submit(std::unique_ptr<PartReadRequest> request);
  void submit(std::unique_ptr<InspectRequest> request);
  void compact(std::vector<std::uint64_t> packs);
  const MetricRegistry& metrics() const { return registry_; }

  // Before the worker starts, and right after.
  void start(ReaderLinks links, SpoolAtStart found);
  void attach(Worker* worker);

  Instant step();
  // After the worker was stopped.
  void finish() { answers_.close(); }

 private:
  struct Work {
    std::deque<std::unique_ptr<ReadRequest>> reads;
    std::deque<std::unique_ptr<PartReadRequest>> parts;
    std::deque<std::unique_ptr<InspectRequest>> inspections;
    std::deque<std::uint64_t> packs;  // to be compacted
    bool is_empty() const {
      return reads.empty() && parts.empty() && inspections.empty() && packs.empty();
    }
  };
  using Round = std::vector<std::unique_ptr<ReadRequest>>;
  struct Located;
  void wake();
  void take_work();
  void read_envelopes();
  void read_round(Round& round);
  std::vector<Located> locate(const ReadTransaction& transaction, const Round& round);
  Result<void> locate_one(const ReadTransaction& transaction, const EnvelopeKey& key,
                          Located& found);
  Result<StoredEnvelope> load(const Located& located, const ReadRequest& request,
                              std::span<const std::uint16_t> ended_since);
  void finish(std::unique_ptr<ReadRequest> request, Result<StoredEnvelope> envelope);
  void put_back(Round& round);
  void read_part();
  Result<std::shared_ptr<const ByteChain>> copy_part(const PartReadRequest& request);
  Result<std::shared_ptr<const ByteChain>> copy_bytes(std::string_view bytes);
  void inspect();
  void recover();
  void compact_some();
  // Counts it; what is damaged will be quarantined.
  void note_failure(const EnvelopeKey& key, const Error& error);

  const Environment& environment_;
  const OutcomeLog& outcomes_;
  const QueueNames& names_;
  MemoryBudget& budget_;
  Clock clock_;
  MetricRegistry registry_;
  ReaderMetrics metrics_;
  ReaderLinks links_;
  std::atomic<Worker*> worker_{nullptr};

  std::mutex mutex_;
  Work incoming_;

  Work work_;
  std::optional<Recovery> recovery_;  // until it has ended
  std::vector<QuarantinedEnvelope> damaged_;
  Answers answers_;
};

}  // namespace sluice::spool
