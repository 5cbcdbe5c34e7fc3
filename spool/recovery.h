// Recovery: finds again what the spool holds, while mail comes in and goes out.
//
// It walks the records in key order, a bounded range per transaction, and tells of every envelope
// that was there at the start. On the way it counts what they need of packs and queue names; then
// it looks for packs and body parts that nothing needs. Pages of bodies are not touched. The
// reader's, on its thread.
#pragma once

#include <cstdint>
#include <vector>

#include "spool/housekeeping.h"
#include "spool/record.h"
#include "spool/spool.h"
#include "spool/transaction.h"

namespace sluice::spool {

inline constexpr std::size_t kRecoveryRowsPerStep = 4096;

// What was there when the spool was opened, before anything was added.
struct SpoolAtStart {
  std::uint64_t first_new_pack;                // older packs are the recovery's
  std::vector<MessageId> messages_with_parts;  // without repetition
};

class Recovery {
 public:
  Recovery(const Environment& environment, SpoolAtStart start);

  struct Piece {
    std::vector<WaitingEnvelope> envelopes;
    std::vector<QuarantinedEnvelope> damaged;  // records that fail their check
    bool has_all_envelopes = false;            // nothing more of the above will come
  };
  // One piece of the walk, in one short transaction.
  Result<Piece> step();
  bool is_finished() const { return stage_ == Stage::finished; }
  // Once, when it is finished.
  RecoveredPartition take_result();

 private:
  enum class Stage : std::uint8_t { envelopes, quarantine, packs, parts, finished };
  Result<void> walk_envelopes(const ReadTransaction& transaction, Piece& piece);
  Result<void> walk_quarantine(const ReadTransaction& transaction);
  Result<void> walk_packs(const ReadTransaction& transaction);
  Result<void> check_parts(const ReadTransaction& transaction);
  void count(const EnvelopeRecord& record);
  void see_envelope(const EnvelopeKey& key, const EnvelopeRecord& record, Piece& piece);
  // The row after the last one that was read.
  Result<std::optional<Row>> resume(Cursor& cursor) const;

  const Environment& environment_;
  SpoolAtStart start_;
  Stage stage_ = Stage::envelopes;
  std::string last_key_;  // of the table that is walked; empty: not begun
  std::size_t parts_checked_ = 0;
  RecoveredPartition result_;
};

}  // namespace sluice::spool
