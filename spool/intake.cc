#include "spool/intake.h"

#include <iterator>
#include <utility>

#include "core/assert.h"

namespace sluice::spool {

bool Intake::wakes(bool is_urgent) {
  is_urgent_ = is_urgent_ || is_urgent;
  if (!is_asleep_) return false;
  const bool is_enough = work_.messages.size() >= wake_messages_ || messages_bytes_ >= wake_bytes_;
  if (!is_urgent_ && !is_enough) return false;
  is_asleep_ = false;
  return true;
}

bool Intake::push(std::unique_ptr<AcceptRequest> message) {
  const std::lock_guard lock(mutex_);
  messages_bytes_ += message->body != nullptr ? message->body->size() : 0;
  work_.messages.push_back(std::move(message));
  return wakes(false);
}

bool Intake::push(PartWork part) {
  const std::lock_guard lock(mutex_);
  work_.parts.push_back(std::move(part));
  return wakes(true);
}

bool Intake::push(std::unique_ptr<FlushRequest> flush) {
  const std::lock_guard lock(mutex_);
  work_.flushes.push_back(std::move(flush));
  return wakes(true);
}

bool Intake::push(std::unique_ptr<LedgerRequest> entry) {
  const std::lock_guard lock(mutex_);
  work_.ledger.push_back(std::move(entry));
  return wakes(true);
}

bool Intake::push(std::vector<QuarantinedEnvelope> damaged) {
  const std::lock_guard lock(mutex_);
  std::ranges::move(damaged, std::back_inserter(work_.housekeeping.damaged));
  return wakes(true);
}

bool Intake::push(CompactedPacks packs) {
  const std::lock_guard lock(mutex_);
  work_.housekeeping.compacted.push_back(std::move(packs));
  return wakes(true);
}

bool Intake::push(RecoveredPartition recovered) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(!work_.housekeeping.recovered.has_value(), "the recovery ends once");
  work_.housekeeping.recovered = std::move(recovered);
  return wakes(true);
}

void Intake::take_into(CommitterWork& work) {
  const std::lock_guard lock(mutex_);
  is_asleep_ = false;
  is_urgent_ = false;
  messages_bytes_ = 0;
  if (work.messages.empty()) {
    work.messages.swap(work_.messages);
  } else {
    std::ranges::move(work_.messages, std::back_inserter(work.messages));
    work_.messages.clear();
  }
  std::ranges::move(work_.parts, std::back_inserter(work.parts));
  work_.parts.clear();
  std::ranges::move(work_.flushes, std::back_inserter(work.flushes));
  work_.flushes.clear();
  std::ranges::move(work_.ledger, std::back_inserter(work.ledger));
  work_.ledger.clear();
  work.housekeeping.add(std::exchange(work_.housekeeping, {}));
}

bool Intake::prepare_sleep(std::size_t messages, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  wake_messages_ = messages;
  wake_bytes_ = bytes;
  is_asleep_ = true;
  return !wakes(false);
}

}  // namespace sluice::spool
