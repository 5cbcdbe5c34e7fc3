// PackCensus: how much of each pack is still needed, so that a pack goes when its last envelope has
// ended and is compacted when little of it is left.
//
// Part of Census, and like it the committer's.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "spool/record.h"

namespace sluice::spool {

struct PackUse {
  std::uint32_t envelopes = 0;   // records that point into the pack
  std::uint64_t live_bytes = 0;  // their shares
  std::uint64_t bytes = 0;       // of the pack
};
using PackUses = std::unordered_map<std::uint64_t, PackUse>;

class PackCensus {
 public:
  // Packs from `first_new` on are made by this process; the others await merge().
  explicit PackCensus(std::uint64_t first_new) : first_new_(first_new) {}

  void add_pack(std::uint64_t pack, std::size_t bytes);
  // An envelope of which `record` tells where it lies now.
  void add(const EnvelopeRecord& record);
  // An envelope ended, or moved away.
  void end(const EnvelopeRecord& record);
  // Whether nothing in the pack is needed any more and it may be removed; says yes once.
  bool take_finished(std::uint64_t pack);

  void keep();
  void forget();

  // What the recovery found in older packs. Returns those that nothing needs: they can be removed.
  std::vector<std::uint64_t> merge(const PackUses& recovered);

  // Packs that fell below a quarter since the last call, each once.
  std::vector<std::uint64_t> take_sparse();
  // The pack turned out to be worth no rewriting: not offered again until half of it has ended.
  void decline(std::uint64_t pack);
  // Still in need of compaction?
  bool is_sparse(std::uint64_t pack) const;

  std::size_t packs() const { return uses_.size(); }

 private:
  struct Entry {
    PackUse use;
    std::uint32_t declined_at = UINT32_MAX;  // envelopes when it was declined
    bool is_offered = false;
  };
  struct Change {
    std::uint64_t pack;
    std::int32_t envelopes;
    std::int64_t live_bytes;
    std::int64_t bytes;
  };
  void apply(const Change& change);
  void note_if_sparse(std::uint64_t pack, Entry& entry);
  static bool is_sparse(const Entry& entry);

  std::uint64_t first_new_;
  std::unordered_map<std::uint64_t, Entry> uses_;
  std::vector<Change> pending_;  // undone backwards by forget()
  std::vector<std::uint64_t> sparse_;
};

}  // namespace sluice::spool
