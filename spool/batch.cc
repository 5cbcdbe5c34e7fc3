#include "spool/batch.h"

#include <algorithm>
#include <utility>

#include "core/assert.h"

namespace sluice::spool {

namespace {

EntryContents contents_of(const AcceptRequest& message) {
  return EntryContents{.message = *message.id,
                       .metadata = message.metadata,
                       .envelopes = message.envelopes,
                       .body_bytes = message.body_bytes,
                       .body_parts = message.body_parts,
                       .body = message.body_parts == 0 ? message.body.get() : nullptr};
}

// Sets the recipients that end now. Positions beyond the envelope or ended before do not count.
std::uint32_t mark_ended(EnvelopeRecord& record, std::span<const std::uint16_t> positions) {
  std::uint32_t count = 0;
  for (const auto position : positions) {
    if (position >= record.recipients || record.ended[position]) continue;
    record.ended.set(position);
    ++count;
  }
  return count;
}

// Adds what ended to the totals. When an outcome tells of recipients that had ended before, nobody
// can say by which kind it is too large: it is cut from the end of the list.
void account(Accounting& accounting, const EndedRecipients& counts, std::uint32_t ended) {
  std::uint64_t left = ended;
  const auto take = [&left](std::uint64_t& total, std::uint64_t count) {
    const auto taken = std::min(left, count);
    total += taken;
    left -= taken;
  };
  take(accounting.delivered, counts.delivered);
  take(accounting.bounced, counts.bounced);
  take(accounting.expired, counts.expired);
  accounting.removed += left;
  SLUICE_ASSERT(accounting.queued >= ended, "what ends was queued");
  accounting.queued -= ended;
}

}  // namespace

Result<std::unique_ptr<Batch>> Batch::begin(const Environment& environment, PartitionState& state) {
  SLUICE_TRY(transaction, WriteTransaction::begin(environment));
  std::unique_ptr<Batch> batch(new Batch(std::move(transaction), state));
  if (auto opened = batch->open_cursor(); !opened)
    return std::unexpected(std::move(opened).error());
  return batch;
}

Batch::Batch(std::unique_ptr<WriteTransaction> transaction, PartitionState& state)
    : transaction_(std::move(transaction)),
      state_(state),
      accounting_(state.accounting),
      next_pack_(state.next_pack) {}

Batch::~Batch() {
  if (!is_committed_) state_.census.forget();
}

Result<void> Batch::open_cursor() {
  SLUICE_TRY(cursor, Cursor::open(*transaction_, Table::envelopes));
  envelopes_ = std::move(cursor);
  return {};
}

Result<void> Batch::store(std::span<const std::unique_ptr<AcceptRequest>> messages) {
  // In the order of ids the records are nearly appended.
  std::vector<const AcceptRequest*> ordered;
  ordered.reserve(messages.size());
  for (const auto& message : messages) ordered.push_back(message.get());
  std::ranges::sort(ordered, {}, [](const AcceptRequest* message) { return *message->id; });

  std::vector<std::size_t> sizes;
  sizes.reserve(ordered.size());
  for (const auto* message : ordered) sizes.push_back(entry_bytes(contents_of(*message)));
  for (const auto& plan : plan_packs(sizes)) {
    const auto group = std::span(ordered).subspan(plan.first, plan.count);
    if (auto stored = store_pack(plan, group); !stored) return stored;
  }
  return {};
}

Result<void> Batch::store_pack(const PackPlan& plan,
                               std::span<const AcceptRequest* const> messages) {
  const auto pack = next_pack_++;
  const auto key = encode_pack_key(pack);
  SLUICE_TRY(value, transaction_->reserve_at_end(Table::packs, key.view(), plan.bytes));
  // Assembled where LMDB writes it from.
  char* at = write_pack_header(value, static_cast<std::uint32_t>(messages.size()), plan.bytes);
  std::vector<EntryLocation> locations;
  locations.reserve(messages.size());
  for (const auto* message : messages) {
    char* const end = write_entry(at, contents_of(*message));
    locations.push_back({.pack = pack,
                         .offset = static_cast<std::uint32_t>(at - value),
                         .bytes = static_cast<std::uint32_t>(end - at)});
    at = end;
  }
  SLUICE_ASSERT(at == value + plan.bytes, "a pack is as long as it was planned");

  state_.census.packs().add_pack(pack, plan.bytes);
  counts_.bytes += plan.bytes;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (auto stored = store_records(*messages[i], locations[i]); !stored) return stored;
  }
  return {};
}

Result<void> Batch::store_records(const AcceptRequest& message, const EntryLocation& location) {
  for (std::size_t i = 0; i < message.envelopes.size(); ++i) {
    const auto& envelope = message.envelopes[i];
    const EnvelopeRecord record{.location = location,
                                .queue = envelope.queue.number(),
                                .next_attempt = envelope.next_attempt,
                                .expiry = envelope.expiry,
                                .attempts = 0,
                                .recipients = envelope.recipients,
                                .envelopes = static_cast<std::uint16_t>(message.envelopes.size()),
                                .body_parts = message.body_parts,
                                .klass = envelope.klass,
                                .has_attempts_kept = false,
                                .ended = {}};
    if (auto stored = store_name(envelope.queue); !stored) return stored;
    const auto key = encode_key({*message.id, static_cast<std::uint16_t>(i)});
    const auto value = encode_record(record);
    if (auto stored = transaction_->put(Table::envelopes, key.view(), value.view()); !stored)
      return stored;
    state_.census.add(record);
    (message.origin == Origin::received ? accounting_.received : accounting_.generated) +=
        record.recipients;
    accounting_.queued += record.recipients;
  }
  for (const LedgerEntry& entry : message.ledger) {
    if (auto added = add_to_ledger(entry); !added) return added;
  }
  return {};
}

// A damaged counter begins anew: it limits nobody's mail that it should not.
Result<void> Batch::add_to_ledger(const LedgerEntry& entry) {
  SLUICE_TRY(found, transaction_->find(Table::ledger, entry.name));
  LedgerEntry sum = entry;
  if (found) {
    const auto known = decode_ledger_row(entry.name, *found);
    if (known) sum.amount += known->amount;
  } else if (auto removed = remove_expired_counters(Clock().wall()); !removed) {
    return removed;
  }
  return transaction_->put(Table::ledger, sum.name, encode_ledger_value(sum));
}

Result<void> Batch::set_ledger(const LedgerEntry& entry) {
  if (entry.amount > 0) {
    return transaction_->put(Table::ledger, entry.name, encode_ledger_value(entry));
  }
  auto removed = transaction_->remove(Table::ledger, entry.name);
  if (!removed) return std::unexpected(std::move(removed).error());
  return {};
}

// When a counter is new, as on the first message of a day: the old ones go, a bounded number at a
// time.
Result<void> Batch::remove_expired_counters(WallTime now) {
  constexpr std::size_t kRemovedMax = 64;
  SLUICE_TRY(cursor, Cursor::open(*transaction_, Table::ledger));
  SLUICE_TRY(row, cursor->first());
  std::vector<std::string> expired;
  while (row && expired.size() < kRemovedMax) {
    const auto entry = decode_ledger_row(row->key, row->value);
    if (!entry || entry->expiry <= now) expired.emplace_back(row->key);
    SLUICE_TRY(next, cursor->next());
    row = next;
  }
  cursor.reset();
  for (const std::string& name : expired) {
    auto removed = transaction_->remove(Table::ledger, name);
    if (!removed) return std::unexpected(std::move(removed).error());
  }
  return {};
}

Result<void> Batch::store_name(const QueueHold& queue) {
  if (state_.census.queues().is_stored(queue.number())) return {};
  const auto key = encode_queue_key(queue.number());
  return transaction_->put(Table::queues, key.view(), queue.name());
}

Result<void> Batch::store_part(const PartKey& key, const ByteChain& body) {
  const auto encoded = encode_part_key(key);
  SLUICE_TRY(value, transaction_->reserve(Table::parts, encoded.view(), part_bytes(body)));
  write_part(value, key.message, key.part, body);
  counts_.bytes += part_bytes(body);
  return {};
}

Result<void> Batch::remove_orphaned_parts(const MessageId& message) {
  SLUICE_TRY(is_needed, has_envelope(message));
  if (is_needed) return {};
  return remove_parts(message);
}

Result<bool> Batch::has_envelope(const MessageId& message) {
  const auto prefix = message_prefix(message);
  SLUICE_TRY(queued, envelopes_->seek(prefix));
  if (queued && queued->key.starts_with(prefix)) return true;
  SLUICE_TRY(cursor, Cursor::open(*transaction_, Table::quarantine));
  SLUICE_TRY(quarantined, cursor->seek(prefix));
  return quarantined && quarantined->key.starts_with(prefix);
}

Result<void> Batch::remove_parts(const MessageId& message) {
  const auto prefix = message_prefix(message);
  SLUICE_TRY(cursor, Cursor::open(*transaction_, Table::parts));
  while (true) {
    SLUICE_TRY(part, cursor->seek(prefix));
    if (!part || !part->key.starts_with(prefix)) return {};
    if (auto removed = cursor->remove(); !removed) return removed;
  }
}

Result<void> Batch::apply(const EnvelopeOutcome& outcome) {
  const auto key = encode_key(outcome.key);
  SLUICE_TRY(row, envelopes_->find(key.view()));
  if (!row) {
    ++counts_.outcomes_ignored;
    return {};
  }
  auto record = decode_record(row->value);
  if (!record) return move_to_quarantine(outcome.key, row->value, record.error().sentence());

  const auto ended = mark_ended(*record, outcome.ended);
  account(accounting_, outcome.counts, ended);
  if (record->pending() == 0) return end_envelope(outcome.key, *record);
  return defer(outcome, *record);
}

Result<void> Batch::defer(const EnvelopeOutcome& outcome, EnvelopeRecord record) {
  record.attempts = outcome.attempts;
  record.next_attempt = outcome.next_attempt;
  const bool adds_note = outcome.note.has_value() && keeps_notes_;
  record.has_attempts_kept = record.has_attempts_kept || adds_note;
  const auto key = encode_key(outcome.key);
  const auto value = encode_record(record);
  if (auto replaced = envelopes_->replace(key.view(), value.view()); !replaced) return replaced;
  if (!adds_note) return {};
  return add_note(outcome.key, *outcome.note);
}

Result<void> Batch::add_note(const EnvelopeKey& key, const AttemptNote& note) {
  const auto encoded_key = encode_key(key);
  SLUICE_TRY(found, transaction_->find(Table::deferrals, encoded_key.view()));
  std::vector<AttemptNote> notes;
  if (found) {
    // Damaged notes are history lost, no mail: start anew.
    if (auto decoded = decode_attempts(*found); decoded) notes = std::move(*decoded);
  }
  if (notes.size() == kAttemptsKept) notes.erase(notes.begin());
  notes.push_back(note);
  const auto value = encode_attempts(notes);
  counts_.bytes += value.size();
  return transaction_->put(Table::deferrals, encoded_key.view(), value);
}

Result<void> Batch::end_envelope(const EnvelopeKey& key, const EnvelopeRecord& record) {
  if (auto removed = envelopes_->remove(); !removed) return removed;
  ++counts_.envelopes_ended;
  if (record.has_attempts_kept) {
    const auto encoded_key = encode_key(key);
    auto removed = transaction_->remove(Table::deferrals, encoded_key.view());
    if (!removed) return std::unexpected(std::move(removed).error());
  }
  if (record.body_parts > 0) {
    if (auto removed = remove_orphaned_parts(key.message); !removed) return removed;
  }
  state_.census.end(key, record, transaction_->number());
  return remove_if_finished(record.location.pack);
}

Result<void> Batch::remove_if_finished(std::uint64_t pack) {
  if (!state_.census.packs().take_finished(pack)) return {};
  return remove_pack(pack);
}

Result<void> Batch::remove_pack(std::uint64_t pack) {
  const auto key = encode_pack_key(pack);
  SLUICE_TRY(was_there, transaction_->remove(Table::packs, key.view()));
  if (was_there) ++counts_.packs_removed;
  return {};
}

Result<void> Batch::remove_name(std::uint32_t queue) {
  QueueCensus& queues = state_.census.queues();
  if (!queues.is_idle(queue)) return {};
  const auto key = encode_queue_key(queue);
  auto removed = transaction_->remove(Table::queues, key.view());
  if (!removed) return std::unexpected(std::move(removed).error());
  queues.remove(queue);
  ++counts_.names_removed;
  return {};
}

Result<void> Batch::quarantine(const EnvelopeKey& key, const std::string& reason) {
  const auto encoded_key = encode_key(key);
  SLUICE_TRY(row, envelopes_->find(encoded_key.view()));
  if (!row) return {};
  return move_to_quarantine(key, row->value, reason);
}

Result<void> Batch::move_to_quarantine(const EnvelopeKey& key, std::string_view value,
                                       std::string reason) {
  const auto record = decode_record(value);
  const std::uint64_t recipients = std::min<std::uint64_t>(
      record ? record->pending() : guess_pending(value), accounting_.queued);
  accounting_.queued -= recipients;
  accounting_.quarantined += recipients;

  const std::string copy(value);  // the row moves as it is; `value` ends with the next change
  const auto encoded_key = encode_key(key);
  if (auto removed = envelopes_->remove(); !removed) return removed;
  counts_.quarantined.push_back({.key = key, .reason = std::move(reason)});
  return transaction_->put(Table::quarantine, encoded_key.view(), copy);
}

Result<std::vector<EnvelopeKey>> Batch::envelopes_at(const Survivor& survivor) {
  std::vector<EnvelopeKey> keys;
  const auto prefix = message_prefix(survivor.message);
  SLUICE_TRY(row, envelopes_->seek(prefix));
  while (row && row->key.starts_with(prefix)) {
    const auto key = decode_key(row->key);
    const auto record = decode_record(row->value);
    if (key && record && record->location == survivor.location) keys.push_back(*key);
    SLUICE_TRY(next, envelopes_->next());
    row = next;
  }
  return keys;
}

Result<void> Batch::rewrite(std::span<const Survivor> survivors,
                            std::span<const std::uint64_t> sources) {
  std::vector<const Survivor*> living;
  std::vector<std::vector<EnvelopeKey>> keys;
  std::vector<std::size_t> sizes;
  for (const auto& survivor : survivors) {
    SLUICE_TRY(found, envelopes_at(survivor));
    if (found.empty()) continue;  // it ended since it was copied
    living.push_back(&survivor);
    keys.push_back(std::move(found));
    sizes.push_back(survivor.bytes.size());
  }
  for (const auto& plan : plan_packs(sizes)) {
    const auto pack = next_pack_++;
    const auto pack_key = encode_pack_key(pack);
    SLUICE_TRY(value, transaction_->reserve_at_end(Table::packs, pack_key.view(), plan.bytes));
    char* at = write_pack_header(value, static_cast<std::uint32_t>(plan.count), plan.bytes);
    std::vector<EntryLocation> locations;
    for (std::size_t i = plan.first; i < plan.first + plan.count; ++i) {
      const auto& bytes = living[i]->bytes;
      locations.push_back({.pack = pack,
                           .offset = static_cast<std::uint32_t>(at - value),
                           .bytes = static_cast<std::uint32_t>(bytes.size())});
      at = std::ranges::copy(bytes, at).out;
    }
    state_.census.packs().add_pack(pack, plan.bytes);
    counts_.bytes += plan.bytes;
    for (std::size_t i = 0; i < plan.count; ++i) {
      if (auto moved = move_records(keys[plan.first + i], locations[i]); !moved) return moved;
    }
  }
  for (const auto source : sources) {
    if (auto removed = remove_if_finished(source); !removed) return removed;
    ++counts_.packs_compacted;
  }
  return {};
}

Result<void> Batch::move_records(std::span<const EnvelopeKey> keys, const EntryLocation& location) {
  for (const auto& key : keys) {
    const auto encoded_key = encode_key(key);
    SLUICE_TRY(row, envelopes_->find(encoded_key.view()));
    SLUICE_ASSERT(row.has_value(), "found earlier in this transaction");
    auto record = decode_record(row->value);
    SLUICE_ASSERT(record.has_value(), "decoded earlier in this transaction");
    const EnvelopeRecord moved_from = *record;
    record->location = location;
    state_.census.move(moved_from, *record);
    const auto value = encode_record(*record);
    if (auto replaced = envelopes_->replace(encoded_key.view(), value.view()); !replaced)
      return replaced;
  }
  return {};
}

Result<void> Batch::touch() {
  return transaction_->put(Table::meta, "accounting", encode_accounting(accounting_));
}

Result<void> Batch::commit() {
  SLUICE_ASSERT(!is_committed_, "commit twice");
  SLUICE_ASSERT(is_balanced(accounting_), "every verb moves recipients from one total to another");
  if (accounting_.received != state_.accounting.received ||
      accounting_.queued != state_.accounting.queued) {
    if (auto stored = transaction_->put(Table::meta, "accounting", encode_accounting(accounting_));
        !stored) {
      return stored;
    }
  }
  envelopes_.reset();
  if (auto committed = transaction_->commit(); !committed) return committed;
  is_committed_ = true;
  state_.accounting = accounting_;
  state_.next_pack = next_pack_;
  state_.census.keep();
  return {};
}

}  // namespace sluice::spool
