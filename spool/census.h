// Census: what the envelopes of a partition still need: how much of each pack, which queue names.
//
// It is kept in memory. After a start, what was found is unknown until the recovery has walked the
// records (merge()); until then nothing of it is removed. Changes of a transaction are pending
// until keep() or forget(). The committer's, on its thread.
#pragma once

#include <cstdint>
#include <vector>

#include "spool/pack_census.h"
#include "spool/queue_census.h"
#include "spool/record.h"

namespace sluice::spool {

// A range of envelope keys that the recovery read in one transaction.
struct WalkedRange {
  EnvelopeKey last;           // inclusive; the first range starts at the lowest key
  std::uint64_t transaction;  // the last commit that it saw
};

// What the recovery found that envelopes of before the start use.
struct RecoveredUses {
  PackUses packs;
  QueueUses queues;
  std::vector<WalkedRange> ranges;  // in key order, covering all keys
};

class Census {
 public:
  // Packs from `first_new` on are made by this process. `stored` are the queues whose names the
  // partition has, and holds in `names`.
  Census(std::uint64_t first_new, QueueNames& names, const std::vector<std::uint32_t>& stored)
      : first_new_(first_new), packs_(first_new), queues_(names, stored) {}

  // A new envelope.
  void add(const EnvelopeRecord& record);
  // An envelope ended. `transaction` is the number of the commit that says so.
  void end(const EnvelopeKey& key, const EnvelopeRecord& record, std::uint64_t transaction);
  // An envelope lies in another pack now.
  void move(const EnvelopeRecord& from, const EnvelopeRecord& to);

  void keep();    // the transaction is on disk
  void forget();  // it was aborted

  // The recovery has ended. Returns packs that nothing needs: they can be removed.
  std::vector<std::uint64_t> merge(RecoveredUses recovered);
  bool is_complete() const { return is_complete_; }

  PackCensus& packs() { return packs_; }
  QueueCensus& queues() { return queues_; }

 private:
  struct EndedEarly {  // before the recovery had told what it counted
    EnvelopeKey key;
    std::uint64_t pack;
    std::uint32_t share;
    std::uint32_t queue;
    std::uint64_t transaction;
  };

  std::uint64_t first_new_;
  bool is_complete_ = false;
  PackCensus packs_;
  QueueCensus queues_;
  std::vector<EndedEarly> ended_early_;
  std::size_t ended_early_kept_ = 0;  // the rest belongs to the pending transaction
};

}  // namespace sluice::spool
