#include "spool/pack_census.h"

#include <algorithm>
#include <utility>

#include "core/assert.h"

namespace sluice::spool {

void PackCensus::add_pack(std::uint64_t pack, std::size_t bytes) {
  SLUICE_ASSERT(pack >= first_new_, "new packs follow the ones that were found");
  const Change change{
      .pack = pack, .envelopes = 0, .live_bytes = 0, .bytes = static_cast<std::int64_t>(bytes)};
  apply(change);
  pending_.push_back(change);
}

void PackCensus::add(const EnvelopeRecord& record) {
  const Change change{
      .pack = record.location.pack, .envelopes = 1, .live_bytes = record.share(), .bytes = 0};
  SLUICE_ASSERT(change.pack >= first_new_, "records are added to new packs only");
  apply(change);
  pending_.push_back(change);
}

void PackCensus::end(const EnvelopeRecord& record) {
  const auto pack = record.location.pack;
  // A record that names a pack nobody knows was counted nowhere: disks lie.
  if (!uses_.contains(pack)) return;
  const Change change{
      .pack = pack, .envelopes = -1, .live_bytes = -std::int64_t{record.share()}, .bytes = 0};
  apply(change);
  pending_.push_back(change);
}

bool PackCensus::take_finished(std::uint64_t pack) {
  const auto found = uses_.find(pack);
  if (found == uses_.end() || found->second.use.envelopes != 0 || found->second.use.bytes == 0)
    return false;
  const auto bytes = static_cast<std::int64_t>(found->second.use.bytes);
  const Change change{.pack = pack, .envelopes = 0, .live_bytes = 0, .bytes = -bytes};
  apply(change);
  pending_.push_back(change);
  return true;
}

void PackCensus::apply(const Change& change) {
  auto& use = uses_[change.pack].use;
  use.envelopes = static_cast<std::uint32_t>(std::int64_t{use.envelopes} + change.envelopes);
  use.live_bytes =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(use.live_bytes) + change.live_bytes);
  use.bytes = static_cast<std::uint64_t>(static_cast<std::int64_t>(use.bytes) + change.bytes);
}

void PackCensus::keep() {
  for (const auto& change : pending_) {
    const auto found = uses_.find(change.pack);
    if (found == uses_.end()) continue;  // erased by an earlier change of the same transaction
    if (found->second.use.bytes == 0 && found->second.use.envelopes == 0) {
      uses_.erase(found);
    } else if (change.envelopes < 0) {
      note_if_sparse(change.pack, found->second);
    }
  }
  pending_.clear();
}

void PackCensus::forget() {
  for (auto change = pending_.rbegin(); change != pending_.rend(); ++change) {
    apply({.pack = change->pack,
           .envelopes = -change->envelopes,
           .live_bytes = -change->live_bytes,
           .bytes = -change->bytes});
  }
  for (const auto& change : pending_) {
    const auto found = uses_.find(change.pack);
    if (found != uses_.end() && found->second.use.bytes == 0 && found->second.use.envelopes == 0) {
      uses_.erase(found);
    }
  }
  pending_.clear();
}

std::vector<std::uint64_t> PackCensus::merge(const PackUses& recovered) {
  SLUICE_ASSERT(pending_.empty(), "between transactions");
  std::vector<std::uint64_t> finished;
  for (const auto& [pack, use] : recovered) {
    SLUICE_ASSERT(pack < first_new_, "the recovery counts what was there before");
    if (use.envelopes == 0) {
      finished.push_back(pack);
      continue;
    }
    auto& entry = uses_[pack];
    entry.use = use;
    note_if_sparse(pack, entry);
  }
  return finished;
}

bool PackCensus::is_sparse(const Entry& entry) {
  return entry.use.envelopes > 0 && entry.use.bytes > 0 &&
         entry.use.live_bytes * 4 < entry.use.bytes &&
         (entry.declined_at == UINT32_MAX || entry.use.envelopes <= entry.declined_at / 2);
}

void PackCensus::note_if_sparse(std::uint64_t pack, Entry& entry) {
  if (entry.is_offered || !is_sparse(entry)) return;
  entry.is_offered = true;
  sparse_.push_back(pack);
}

std::vector<std::uint64_t> PackCensus::take_sparse() { return std::exchange(sparse_, {}); }

void PackCensus::decline(std::uint64_t pack) {
  const auto found = uses_.find(pack);
  if (found == uses_.end()) return;
  found->second.declined_at = found->second.use.envelopes;
  found->second.is_offered = false;
}

bool PackCensus::is_sparse(std::uint64_t pack) const {
  const auto found = uses_.find(pack);
  return found != uses_.end() && is_sparse(found->second);
}

}  // namespace sluice::spool
