#include "spool/recovery.h"

#include <array>
#include <utility>

#include "core/assert.h"

namespace sluice::spool {

namespace {

constexpr std::size_t kPartChecksPerStep = 512;

EnvelopeKey greatest_key() {
  std::array<std::uint8_t, 16> bytes{};
  bytes.fill(0xff);
  return {MessageId::from_bytes(bytes), 0xffff};
}

Result<bool> has_row_of(const Transaction& transaction, Table table, const MessageId& message) {
  SLUICE_TRY(cursor, Cursor::open(transaction, table));
  const auto prefix = message_prefix(message);
  SLUICE_TRY(row, cursor->seek(prefix));
  return row && row->key.starts_with(prefix);
}

}  // namespace

Recovery::Recovery(const Environment& environment, SpoolAtStart start)
    : environment_(environment), start_(std::move(start)) {}

Result<Recovery::Piece> Recovery::step() {
  SLUICE_ASSERT(!is_finished(), "nothing is left to walk");
  SLUICE_TRY(transaction, ReadTransaction::begin(environment_));
  Piece piece;
  Result<void> walked;
  switch (stage_) {
    case Stage::envelopes:
      walked = walk_envelopes(*transaction, piece);
      break;
    case Stage::quarantine:
      walked = walk_quarantine(*transaction);
      break;
    case Stage::packs:
      walked = walk_packs(*transaction);
      break;
    case Stage::parts:
      walked = check_parts(*transaction);
      break;
    case Stage::finished:
      break;
  }
  if (!walked) return std::unexpected(std::move(walked).error());
  return piece;
}

Result<std::optional<Row>> Recovery::resume(Cursor& cursor) const {
  if (last_key_.empty()) return cursor.first();
  SLUICE_TRY(row, cursor.seek(last_key_));
  if (row && row->key == last_key_) return cursor.next();
  return row;
}

Result<void> Recovery::walk_envelopes(const ReadTransaction& transaction, Piece& piece) {
  SLUICE_TRY(cursor, Cursor::open(transaction, Table::envelopes));
  SLUICE_TRY(row, resume(*cursor));
  std::size_t rows = 0;
  for (; row && rows < kRecoveryRowsPerStep; ++rows) {
    last_key_ = row->key;
    const auto key = decode_key(row->key);
    const auto record = decode_record(row->value);
    if (key && record) {
      see_envelope(*key, *record, piece);
    } else if (key) {
      piece.damaged.push_back({.key = *key, .reason = record.error().sentence()});
    }
    SLUICE_TRY(next, cursor->next());
    row = next;
  }
  if (row) {
    const auto last = decode_key(last_key_);
    if (last) result_.uses.ranges.push_back({.last = *last, .transaction = transaction.number()});
    return {};
  }
  result_.uses.ranges.push_back({.last = greatest_key(), .transaction = transaction.number()});
  piece.has_all_envelopes = true;
  stage_ = Stage::quarantine;
  last_key_.clear();
  return {};
}

void Recovery::see_envelope(const EnvelopeKey& key, const EnvelopeRecord& record, Piece& piece) {
  // Mail of this process is known to those who took it, and counted by the committer.
  if (record.location.pack >= start_.first_new_pack) return;
  count(record);
  piece.envelopes.push_back(waiting_envelope(key, record));
}

void Recovery::count(const EnvelopeRecord& record) {
  auto& use = result_.uses.packs[record.location.pack];
  ++use.envelopes;
  use.live_bytes += record.share();
  ++result_.uses.queues[record.queue];
}

Result<void> Recovery::walk_quarantine(const ReadTransaction& transaction) {
  SLUICE_TRY(cursor, Cursor::open(transaction, Table::quarantine));
  SLUICE_TRY(row, resume(*cursor));
  for (std::size_t rows = 0; row && rows < kRecoveryRowsPerStep; ++rows) {
    last_key_ = row->key;
    // What is quarantined keeps its pack and its queue: it is evidence. A record that is damaged
    // itself names none.
    if (const auto record = decode_record(row->value);
        record && record->location.pack < start_.first_new_pack) {
      count(*record);
    }
    SLUICE_TRY(next, cursor->next());
    row = next;
  }
  if (row) return {};
  stage_ = Stage::packs;
  last_key_.clear();
  return {};
}

Result<void> Recovery::walk_packs(const ReadTransaction& transaction) {
  SLUICE_TRY(cursor, Cursor::open(transaction, Table::packs));
  SLUICE_TRY(row, resume(*cursor));
  bool is_old = true;
  for (std::size_t rows = 0; row && is_old && rows < kRecoveryRowsPerStep; ++rows) {
    last_key_ = row->key;
    SLUICE_TRY(pack, decode_pack_key(row->key));
    is_old = pack < start_.first_new_pack;
    // An entry is made also where no envelope was found: such packs are removed.
    if (is_old) result_.uses.packs[pack].bytes = row->value.size();
    SLUICE_TRY(next, cursor->next());
    row = next;
  }
  if (row && is_old) return {};
  stage_ = Stage::parts;
  last_key_.clear();
  return {};
}

Result<void> Recovery::check_parts(const ReadTransaction& transaction) {
  const auto& messages = start_.messages_with_parts;
  for (std::size_t checked = 0; checked < kPartChecksPerStep && parts_checked_ < messages.size();
       ++checked) {
    const auto& message = messages[parts_checked_++];
    SLUICE_TRY(is_queued, has_row_of(transaction, Table::envelopes, message));
    SLUICE_TRY(is_quarantined, has_row_of(transaction, Table::quarantine, message));
    if (!is_queued && !is_quarantined) result_.orphaned_parts.push_back(message);
  }
  if (parts_checked_ < messages.size()) return {};
  stage_ = Stage::finished;
  return {};
}

RecoveredPartition Recovery::take_result() {
  SLUICE_ASSERT(is_finished(), "the walk has ended");
  return std::exchange(result_, {});
}

}  // namespace sluice::spool
