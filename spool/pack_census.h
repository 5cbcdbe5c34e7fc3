// PackCensus: how much of each pack is still needed, so that a pack goes when its last envelope has
// ended and is compacted when little of it is left.
//
// It is kept in memory. After a start, the packs that were found are unknown until the recovery has
// walked their records (merge()); until then none of them is deleted or compacted. Changes of a
// transaction are pending until keep() or forget(). The committer's, on its thread.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "spool/message_id.h"
#include "spool/record.h"

namespace sluice::spool {

struct PackUse {
  std::uint32_t envelopes = 0;   // records that point into the pack
  std::uint64_t live_bytes = 0;  // their shares
  std::uint64_t bytes = 0;       // of the pack
};
using PackUses = std::unordered_map<std::uint64_t, PackUse>;

// A range of envelope keys that the recovery read in one transaction.
struct WalkedRange {
  EnvelopeKey last;           // inclusive; the first range starts at the lowest key
  std::uint64_t transaction;  // the last commit that it saw
};

// What the recovery found in the packs that were there at the start.
struct RecoveredPacks {
  PackUses uses;
  std::vector<WalkedRange> ranges;  // in key order, covering all keys
};

class PackCensus {
 public:
  // Packs from `first_new` on are made by this process; the others await merge().
  explicit PackCensus(std::uint64_t first_new) : first_new_(first_new) {}

  void add_pack(std::uint64_t pack, std::size_t bytes);
  // An envelope of which `record` tells where it lies now.
  void add(const EnvelopeRecord& record);
  // An envelope ended, or moved away. `transaction` is the number of the commit that says so.
  void end(const EnvelopeKey& key, const EnvelopeRecord& record, std::uint64_t transaction);
  // Whether nothing in the pack is needed any more and it may be removed; says yes once.
  bool take_finished(std::uint64_t pack);

  void keep();    // the transaction is on disk
  void forget();  // it was aborted

  // The recovery has ended. Returns packs that nothing needs: they can be removed.
  std::vector<std::uint64_t> merge(RecoveredPacks recovered);
  bool is_complete() const { return is_complete_; }

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
  struct EndedEarly {  // before the recovery had told of its pack
    EnvelopeKey key;
    std::uint64_t pack;
    std::uint32_t share;
    std::uint64_t transaction;
  };
  void apply(const Change& change);
  void note_if_sparse(std::uint64_t pack, Entry& entry);
  static bool is_sparse(const Entry& entry);

  std::uint64_t first_new_;
  bool is_complete_ = false;
  std::unordered_map<std::uint64_t, Entry> uses_;
  std::vector<Change> pending_;  // undone backwards by forget()
  std::vector<EndedEarly> ended_early_;
  std::size_t ended_early_kept_ = 0;  // the rest belongs to the pending transaction
  std::vector<std::uint64_t> sparse_;
};

}  // namespace sluice::spool
