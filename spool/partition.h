// Partition: one environment with its committer and its reader, and their threads.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/executor.h"
#include "spool/committer.h"
#include "spool/reader.h"
#include "spool/spool.h"

namespace sluice::spool {

class Partition {
 public:
  // Opens or creates what lies in the directory, and learns what was there. The names it knows are
  // added to `names`.
  static Result<std::unique_ptr<Partition>> open(const std::string& directory,
                                                 const SpoolSettings& settings, QueueNames& names,
                                                 MemoryBudget& read_budget);
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;
  ~Partition();  // asserts stop()

  // `number` names its threads. on_all_envelopes comes on the reader's thread when the recovery has
  // told of everything.
  void start(Executor& executor, PartitionId number, const Spool::Callbacks& callbacks,
             std::function<void()> on_all_envelopes);
  void stop();

  const std::vector<LedgerEntry>& ledger_at_start() const { return ledger_at_start_; }
  Committer& committer() { return committer_; }
  Reader& reader() { return reader_; }
  const Committer& committer() const { return committer_; }
  const Reader& reader() const { return reader_; }

 private:
  struct Found;
  static Result<Found> look(const Environment& environment, QueueNames& names);
  Partition(std::unique_ptr<Environment> environment, Found found, const SpoolSettings& settings,
            QueueNames& names, MemoryBudget& read_budget);

  std::unique_ptr<Environment> environment_;
  SpoolAtStart at_start_;
  std::vector<LedgerEntry> ledger_at_start_;
  Committer committer_;
  Reader reader_;
  std::unique_ptr<Worker> committer_worker_;
  std::unique_ptr<Worker> reader_worker_;
};

}  // namespace sluice::spool
