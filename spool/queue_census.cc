#include "spool/queue_census.h"

#include <utility>

#include "core/assert.h"

namespace sluice::spool {

void QueueCensus::add(std::uint32_t queue) {
  const auto [entry, is_new] = uses_.try_emplace(queue);
  if (is_new) names_.hold(queue);
  ++entry->second.envelopes;
  entry->second.was_used = true;
  pending_.push_back({.queue = queue, .is_end = false, .is_new_name = is_new});
}

void QueueCensus::end(std::uint32_t queue) {
  const auto found = uses_.find(queue);
  // Of a name whose row is lost, or of a record that names another than it did: disks lie.
  if (found == uses_.end() || found->second.envelopes == 0) return;
  --found->second.envelopes;
  pending_.push_back({.queue = queue, .is_end = true, .is_new_name = false});
}

void QueueCensus::remove(std::uint32_t queue) {
  SLUICE_ASSERT(uses_.at(queue).envelopes == 0, "no envelope uses the name");
  removed_.push_back(queue);
}

void QueueCensus::keep() {
  for (const Change& change : pending_) {
    if (change.is_end) tell_if_empty(change.queue, uses_.at(change.queue));
  }
  pending_.clear();
  for (const std::uint32_t queue : removed_) {
    uses_.erase(queue);
    names_.release(queue);
  }
  removed_.clear();
}

void QueueCensus::forget() {
  for (auto change = pending_.rbegin(); change != pending_.rend(); ++change) {
    Use& use = uses_.at(change->queue);
    change->is_end ? ++use.envelopes : --use.envelopes;
    if (!change->is_new_name) continue;
    uses_.erase(change->queue);
    names_.release(change->queue);
  }
  pending_.clear();
  removed_.clear();
}

void QueueCensus::merge(const QueueUses& recovered) {
  SLUICE_ASSERT(pending_.empty(), "between transactions");
  for (const auto& [queue, envelopes] : recovered) {
    if (const auto found = uses_.find(queue); found != uses_.end()) {
      found->second.envelopes += envelopes;
    }
  }
  for (auto& [queue, use] : uses_) tell_if_empty(queue, use);
}

void QueueCensus::tell_if_empty(std::uint32_t queue, Use& use) {
  if (use.envelopes > 0 || use.is_told) return;
  use.is_told = true;
  use.was_used = false;
  empty_.push_back(queue);
}

std::vector<std::uint32_t> QueueCensus::take_empty() { return std::exchange(empty_, {}); }

bool QueueCensus::is_idle(std::uint32_t queue) {
  const auto found = uses_.find(queue);
  if (found == uses_.end()) return false;
  Use& use = found->second;
  if (use.envelopes == 0 && !use.was_used) return true;
  use.is_told = false;
  tell_if_empty(queue, use);
  return false;
}

}  // namespace sluice::spool
