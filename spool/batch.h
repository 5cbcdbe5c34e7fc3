// Batch: the changes of one commit. Its verbs write into one transaction and keep the accounting
// and the census beside; commit() makes all of it true at once, destruction none of it.
//
// A verb that fails leaves the transaction unusable: the batch is dropped. Lives for less than a
// step of the committer, on its thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spool/pack.h"
#include "spool/partition_state.h"
#include "spool/record.h"
#include "spool/request.h"
#include "spool/transaction.h"

namespace sluice::spool {

// An entry that outlives most of its pack, copied out by the reader for compaction.
struct Survivor {
  EntryLocation location;
  MessageId message;
  std::uint16_t envelopes;
  std::string bytes;
};

struct QuarantinedEnvelope {
  EnvelopeKey key;
  std::string reason;
};

// What a commit did, for metrics and callbacks.
struct BatchCounts {
  std::uint64_t bytes = 0;  // of packs and parts written
  std::uint64_t envelopes_ended = 0;
  std::uint64_t outcomes_ignored = 0;  // of envelopes that had ended before
  std::uint64_t packs_removed = 0;
  std::uint64_t packs_compacted = 0;
  std::uint64_t names_removed = 0;
  std::vector<QuarantinedEnvelope> quarantined;
};

class Batch {
 public:
  static Result<std::unique_ptr<Batch>> begin(const Environment& environment,
                                              PartitionState& state);
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch();

  // The disk is nearly full: past attempts are not kept from here on, the rest is.
  void drop_notes() { keeps_notes_ = false; }
  // Makes a commit of nothing: LMDB reuses pages that were freed two commits before.
  Result<void> touch();

  // New messages: packs, then a record for each envelope.
  Result<void> store(std::span<const std::unique_ptr<AcceptRequest>> messages);
  Result<void> set_ledger(const LedgerEntry& entry);
  Result<void> store_part(const PartKey& key, const ByteChain& body);
  // Unless an envelope of the message exists.
  Result<void> remove_orphaned_parts(const MessageId& message);

  // Ends recipients, and the envelope with the last of them; else notes the deferral.
  Result<void> apply(const EnvelopeOutcome& outcome);

  // Takes the envelope out of the queue, for damage; its record and pack stay as evidence. Nothing
  // happens when it has ended.
  Result<void> quarantine(const EnvelopeKey& key, const std::string& reason);

  // Moves what still lives into new packs. `sources` are removed where nothing else is left in
  // them.
  Result<void> rewrite(std::span<const Survivor> survivors, std::span<const std::uint64_t> sources);
  Result<void> remove_pack(std::uint64_t pack);
  // Unless an envelope uses it.
  Result<void> remove_name(std::uint32_t queue);

  // Durable when it returns a value; storage_full: nothing happened.
  Result<void> commit();

  const BatchCounts& counts() const { return counts_; }
  PartitionState& state() { return state_; }

 private:
  Batch(std::unique_ptr<WriteTransaction> transaction, PartitionState& state);
  Result<void> open_cursor();
  Result<void> store_pack(const PackPlan& plan, std::span<const AcceptRequest* const> messages);
  Result<void> store_records(const AcceptRequest& message, const EntryLocation& location);
  Result<void> store_name(const QueueHold& queue);
  Result<void> add_to_ledger(const LedgerEntry& entry);
  Result<void> remove_expired_counters(WallTime now);
  Result<void> defer(const EnvelopeOutcome& outcome, EnvelopeRecord record);
  Result<void> end_envelope(const EnvelopeKey& key, const EnvelopeRecord& record);
  Result<void> add_note(const EnvelopeKey& key, const AttemptNote& note);
  Result<void> move_to_quarantine(const EnvelopeKey& key, std::string_view value,
                                  std::string reason);
  Result<bool> has_envelope(const MessageId& message);
  Result<void> remove_parts(const MessageId& message);
  Result<void> remove_if_finished(std::uint64_t pack);
  Result<std::vector<EnvelopeKey>> envelopes_at(const Survivor& survivor);
  Result<void> move_records(std::span<const EnvelopeKey> keys, const EntryLocation& location);

  std::unique_ptr<WriteTransaction> transaction_;
  std::unique_ptr<Cursor> envelopes_;  // ends before the transaction
  PartitionState& state_;
  Accounting accounting_;
  std::uint64_t next_pack_;
  BatchCounts counts_;
  bool keeps_notes_ = true;
  bool is_committed_ = false;
};

}  // namespace sluice::spool
