#include "spool/outcome_log.h"

#include <algorithm>
#include <iterator>

#include "core/assert.h"

namespace sluice::spool {

bool OutcomeLog::push(EnvelopeOutcome outcome, Instant now) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(outcome));
  if (waiting_.size() > 1) return waiting_.size() == kOutcomesPendingMax;
  oldest_waiting_ = now;
  return true;
}

bool OutcomeLog::is_full() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + committing_.size() >= kOutcomesPendingMax;
}

std::span<const EnvelopeOutcome> OutcomeLog::take() {
  const std::lock_guard lock(mutex_);
  if (!oldest_committing_) oldest_committing_ = oldest_waiting_;
  oldest_waiting_.reset();
  if (committing_.empty()) {
    committing_.swap(waiting_);
  } else {
    std::ranges::move(waiting_, std::back_inserter(committing_));
    waiting_.clear();
  }
  return committing_;
}

void OutcomeLog::committed() {
  std::vector<EnvelopeOutcome> done;  // destroyed after the lock was released
  const std::lock_guard lock(mutex_);
  done.swap(committing_);
  oldest_committing_.reset();
}

void OutcomeLog::committed(std::size_t count) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(count <= committing_.size(), "only what was taken can be committed");
  committing_.erase(committing_.begin(), committing_.begin() + static_cast<std::ptrdiff_t>(count));
  if (committing_.empty()) oldest_committing_.reset();
}

std::optional<Instant> OutcomeLog::oldest() const {
  const std::lock_guard lock(mutex_);
  return oldest_committing_ ? oldest_committing_ : oldest_waiting_;
}

std::size_t OutcomeLog::size() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + committing_.size();
}

std::vector<std::vector<std::uint16_t>> OutcomeLog::ended(std::span<const EnvelopeKey> keys) const {
  std::vector<std::vector<std::uint16_t>> ended(keys.size());
  const std::lock_guard lock(mutex_);
  for (const auto* outcomes : {&committing_, &waiting_}) {
    for (const auto& outcome : *outcomes) {
      const auto [first, last] = std::ranges::equal_range(keys, outcome.key);
      for (auto key = first; key != last; ++key) {
        auto& positions = ended[static_cast<std::size_t>(key - keys.begin())];
        positions.insert(positions.end(), outcome.ended.begin(), outcome.ended.end());
      }
    }
  }
  return ended;
}

}  // namespace sluice::spool
