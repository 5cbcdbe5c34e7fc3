#include "spool/housekeeping.h"

#include <algorithm>
#include <iterator>

#include "core/assert.h"

namespace sluice::spool {

namespace {

// How much of each list one commit takes.
constexpr std::size_t kDamagedPerCommit = 64;
constexpr std::size_t kPacksPerCommit = 64;
constexpr std::size_t kPartedMessagesPerCommit = 16;
constexpr std::size_t kQueuesPerCommit = 1024;

template <class T>
std::size_t piece_of(const std::vector<T>& list, std::size_t most) {
  return std::min(list.size(), most);
}

// Pieces are taken from the end, which is the cheap one.
template <class T>
std::span<const T> last_of(const std::vector<T>& list, std::size_t most) {
  return std::span(list).last(piece_of(list, most));
}

template <class T>
void drop_last(std::vector<T>& list, std::size_t most) {
  list.erase(list.end() - static_cast<std::ptrdiff_t>(piece_of(list, most)), list.end());
}

}  // namespace

void HousekeepingWork::add(HousekeepingWork&& more) {
  std::ranges::move(more.damaged, std::back_inserter(damaged));
  std::ranges::move(more.compacted, std::back_inserter(compacted));
  if (more.recovered) recovered = std::move(more.recovered);
}

void Housekeeping::add(HousekeepingWork&& work) {
  work_.add(std::move(work));
  if (!work_.recovered) return;
  auto recovered = std::move(*work_.recovered);
  work_.recovered.reset();
  finished_packs_ = census_.merge(std::move(recovered.uses));
  orphaned_parts_ = std::move(recovered.orphaned_parts);
}

void Housekeeping::look(Instant now) {
  for (const auto pack : census_.packs().take_sparse()) sparse_.emplace_back(pack, now);
  for (const auto queue : census_.queues().take_empty()) empty_queues_.emplace_back(queue, now);
}

void Housekeeping::gather_idle_queues(Instant now) {
  while (!empty_queues_.empty() && empty_queues_.front().second + queue_idle_ <= now &&
         idle_queues_.size() < kQueuesPerCommit) {
    const auto queue = empty_queues_.front().first;
    empty_queues_.pop_front();
    if (census_.queues().is_idle(queue)) idle_queues_.push_back(queue);
  }
}

bool Housekeeping::has_piece() const {
  if (!census_.is_complete()) return false;
  return !work_.damaged.empty() || !work_.compacted.empty() || !finished_packs_.empty() ||
         !orphaned_parts_.empty() || !idle_queues_.empty();
}

Instant Housekeeping::due(Instant now) const {
  Instant due = Instant::far_future();
  if (!census_.is_complete()) return due;
  if (at_reader_ == 0 && !sparse_.empty()) due = sparse_.front().second + compaction_delay_;
  if (has_piece()) return std::min(due, std::max(now, postponed_until_));
  if (!empty_queues_.empty()) due = std::min(due, empty_queues_.front().second + queue_idle_);
  return due;
}

std::vector<std::uint64_t> Housekeeping::take_sparse(Instant now) {
  std::vector<std::uint64_t> packs;
  if (at_reader_ > 0 || !census_.is_complete()) return packs;
  while (!sparse_.empty() && sparse_.front().second + compaction_delay_ <= now &&
         packs.size() < kCompactionPacksMax) {
    const auto pack = sparse_.front().first;
    sparse_.pop_front();
    if (census_.packs().is_sparse(pack)) packs.push_back(pack);
  }
  at_reader_ = packs.size();
  return packs;
}

Result<void> Housekeeping::apply_piece(Batch& batch) {
  for (const auto& damaged : last_of(work_.damaged, kDamagedPerCommit)) {
    if (auto done = batch.quarantine(damaged.key, damaged.reason); !done) return done;
  }
  for (const auto& packs : last_of(work_.compacted, 1)) {
    if (auto done = batch.rewrite(packs.survivors, packs.sources); !done) return done;
  }
  for (const auto pack : last_of(finished_packs_, kPacksPerCommit)) {
    if (auto done = batch.remove_pack(pack); !done) return done;
  }
  for (const auto& message : last_of(orphaned_parts_, kPartedMessagesPerCommit)) {
    if (auto done = batch.remove_orphaned_parts(message); !done) return done;
  }
  for (const auto queue : last_of(idle_queues_, kQueuesPerCommit)) {
    if (auto done = batch.remove_name(queue); !done) return done;
  }
  return {};
}

void Housekeeping::ended() {
  if (!work_.compacted.empty()) {
    const auto& packs = work_.compacted.back();
    for (const auto pack : packs.declined) census_.packs().decline(pack);
    // Those that are still there hold what was quarantined, or failed to be rewritten.
    for (const auto pack : packs.sources) census_.packs().decline(pack);
    const auto returned = packs.declined.size() + packs.sources.size();
    SLUICE_ASSERT(returned <= at_reader_, "the reader returns what it was given");
    at_reader_ -= returned;
  }
  drop_last(work_.damaged, kDamagedPerCommit);
  drop_last(work_.compacted, 1);
  drop_last(finished_packs_, kPacksPerCommit);
  drop_last(orphaned_parts_, kPartedMessagesPerCommit);
  drop_last(idle_queues_, kQueuesPerCommit);
}

}  // namespace sluice::spool
