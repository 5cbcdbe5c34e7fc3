#include "spool/census.h"

#include <algorithm>
#include <utility>

#include "core/assert.h"

namespace sluice::spool {

void Census::add(const EnvelopeRecord& record) {
  packs_.add(record);
  queues_.add(record.queue);
}

void Census::end(const EnvelopeKey& key, const EnvelopeRecord& record, std::uint64_t transaction) {
  if (record.location.pack < first_new_ && !is_complete_) {
    ended_early_.push_back({.key = key,
                            .pack = record.location.pack,
                            .share = record.share(),
                            .queue = record.queue,
                            .transaction = transaction});
    return;
  }
  packs_.end(record);
  queues_.end(record.queue);
}

void Census::move(const EnvelopeRecord& from, const EnvelopeRecord& to) {
  SLUICE_ASSERT(is_complete_, "nothing is compacted while the recovery counts");
  packs_.end(from);
  packs_.add(to);
}

void Census::keep() {
  packs_.keep();
  queues_.keep();
  ended_early_kept_ = ended_early_.size();
}

void Census::forget() {
  packs_.forget();
  queues_.forget();
  ended_early_.erase(ended_early_.begin() + static_cast<std::ptrdiff_t>(ended_early_kept_),
                     ended_early_.end());
}

std::vector<std::uint64_t> Census::merge(RecoveredUses recovered) {
  SLUICE_ASSERT(!is_complete_, "the recovery ends once");
  for (const auto& ended : ended_early_) {
    const auto range =
        std::ranges::lower_bound(recovered.ranges, ended.key, {}, &WalkedRange::last);
    // Ended before the walk came by: it was not counted.
    if (range == recovered.ranges.end() || range->transaction >= ended.transaction) continue;
    auto& use = recovered.packs[ended.pack];
    if (use.envelopes == 0) continue;
    --use.envelopes;
    use.live_bytes -= std::min<std::uint64_t>(use.live_bytes, ended.share);
    if (auto& envelopes = recovered.queues[ended.queue]; envelopes > 0) --envelopes;
  }
  ended_early_.clear();
  ended_early_.shrink_to_fit();
  ended_early_kept_ = 0;
  is_complete_ = true;
  queues_.merge(recovered.queues);
  return packs_.merge(recovered.packs);
}

}  // namespace sluice::spool
