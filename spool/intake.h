// Intake: what shards and the reader hand to a committer. Many push, one takes everything at once.
//
// While the committer waits for more to come together, messages do not wake it one by one: push()
// tells the caller when enough is there. Everything but messages is urgent.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "spool/housekeeping.h"
#include "spool/request.h"
#include "spool/staged_body.h"

namespace sluice::spool {

struct CommitterWork {
  std::deque<std::unique_ptr<AcceptRequest>> messages;
  std::deque<PartWork> parts;  // in the order they came: a removal follows its parts
  std::vector<std::unique_ptr<FlushRequest>> flushes;
  std::vector<std::unique_ptr<LedgerRequest>> ledger;
  HousekeepingWork housekeeping;
};

class Intake {
 public:
  // From any thread. True when the committer must be woken.
  [[nodiscard]] bool push(std::unique_ptr<AcceptRequest> message);
  [[nodiscard]] bool push(PartWork part);
  [[nodiscard]] bool push(std::unique_ptr<FlushRequest> flush);
  [[nodiscard]] bool push(std::unique_ptr<LedgerRequest> entry);
  [[nodiscard]] bool push(std::vector<QuarantinedEnvelope> damaged);
  [[nodiscard]] bool push(CompactedPacks packs);
  [[nodiscard]] bool push(RecoveredPartition recovered);

  // The committer: moves everything to the end of `work`.
  void take_into(CommitterWork& work);

  // The committer will sleep: wake it when so much has come, or something urgent. False: it has.
  [[nodiscard]] bool prepare_sleep(std::size_t messages, std::size_t bytes);

 private:
  bool wakes(bool is_urgent);

  std::mutex mutex_;
  CommitterWork work_;
  std::size_t messages_bytes_ = 0;
  bool is_urgent_ = false;
  bool is_asleep_ = false;
  std::size_t wake_messages_ = 0;
  std::size_t wake_bytes_ = 0;
};

}  // namespace sluice::spool
