#include "spool/verification.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include "core/clock.h"
#include "spool/entry_lookup.h"
#include "spool/ledger.h"
#include "spool/lock_file.h"
#include "spool/pack.h"
#include "spool/record.h"
#include "spool/spool_directory.h"
#include "spool/transaction.h"

namespace sluice::spool {

namespace {

std::string name_of(const EnvelopeKey& key) {
  return fmt::format("{}.{}", key.message.to_string(), key.ordinal);
}

// Calls `see` for each row of the table.
template <class See>
Result<void> walk(const Transaction& transaction, Table table, See see) {
  SLUICE_TRY(cursor, Cursor::open(transaction, table));
  SLUICE_TRY(row, cursor->first());
  while (row) {
    see(*row);
    SLUICE_TRY(next, cursor->next());
    row = next;
  }
  return {};
}

// One partition, table by table.
class PartitionCheck {
 public:
  PartitionCheck(const Transaction& transaction, PartitionId partition, VerificationReport& report)
      : transaction_(transaction), report_(report) {
    result_.partition = partition;
  }

  Result<PartitionReport> run();

 private:
  // Small, because there is one per envelope: the record is looked up again.
  struct Reference {
    EnvelopeKey key;
    EntryLocation location;
    std::uint16_t body_parts;
  };
  void damage(std::string_view what);
  void see_envelope(const Row& row);
  void see_quarantined(const Row& row);
  void see_deferral(const Row& row);
  void see_queue(const Row& row);
  void see_counter(const Row& row);
  void see_pack(const Row& row);
  void see_part(const Row& row);
  Result<Entry> entry_of(const Reference& reference) const;
  void check_entries();
  void check_entry(const Reference& reference, bool is_first_of_entry);
  void check_parts();
  void check_parts_of(const Reference& reference);
  Result<void> check_accounting();

  const Transaction& transaction_;
  VerificationReport& report_;
  const WallTime now_ = Clock().wall();
  PartitionReport result_;
  std::vector<Reference> references_;
  std::unordered_set<std::uint64_t> packs_needed_;
  std::unordered_set<std::string> messages_needed_;  // that have parts, by the bytes of their id
  std::unordered_set<std::uint32_t> queues_used_;
};

Result<PartitionReport> PartitionCheck::run() {
  const auto check = [this](Table table, void (PartitionCheck::*see)(const Row&)) {
    return walk(transaction_, table, [this, see](const Row& row) { (this->*see)(row); });
  };
  if (auto done = check(Table::envelopes, &PartitionCheck::see_envelope); !done) {
    return std::unexpected(std::move(done).error());
  }
  if (auto done = check(Table::quarantine, &PartitionCheck::see_quarantined); !done) {
    return std::unexpected(std::move(done).error());
  }
  check_entries();
  check_parts();
  constexpr std::pair<Table, void (PartitionCheck::*)(const Row&)> kRest[] = {
      {Table::deferrals, &PartitionCheck::see_deferral},
      {Table::queues, &PartitionCheck::see_queue},
      {Table::ledger, &PartitionCheck::see_counter},
      {Table::packs, &PartitionCheck::see_pack},
      {Table::parts, &PartitionCheck::see_part}};
  for (const auto& [table, see] : kRest) {
    if (auto done = check(table, see); !done) return std::unexpected(std::move(done).error());
  }
  if (auto done = check_accounting(); !done) return std::unexpected(std::move(done).error());
  return result_;
}

void PartitionCheck::damage(std::string_view what) {
  ++report_.damages;
  if (report_.findings.size() >= kFindingsMax) return;
  report_.findings.push_back(fmt::format("partition {:02}: {}", result_.partition, what));
}

void PartitionCheck::see_envelope(const Row& row) {
  ++result_.envelopes;
  const auto key = decode_key(row.key);
  if (!key) return damage(key.error().sentence());
  const auto record = decode_record(row.value);
  if (!record) return damage(fmt::format("{}: {}", name_of(*key), record.error().sentence()));
  if (key->message.partition() != result_.partition) {
    damage(fmt::format("{}: its id belongs to partition {:02}", name_of(*key),
                       key->message.partition()));
  }
  result_.recipients_pending += record->pending();
  packs_needed_.insert(record->location.pack);
  queues_used_.insert(record->queue);
  if (record->body_parts > 0) messages_needed_.emplace(message_prefix(key->message));
  references_.push_back({*key, record->location, record->body_parts});

  const auto queue_key = encode_queue_key(record->queue);
  const auto queue = transaction_.find(Table::queues, queue_key.view());
  if (!queue || !*queue)
    damage(fmt::format("{}: its queue {} has no name", name_of(*key), record->queue));
  const auto attempts = transaction_.find(Table::deferrals, row.key);
  const bool has_attempts = attempts && *attempts;
  if (has_attempts != record->has_attempts_kept) {
    damage(fmt::format("{}: its record and its past attempts disagree", name_of(*key)));
  }
}

// What is quarantined was found damaged before: it is counted, and keeps what it names.
void PartitionCheck::see_quarantined(const Row& row) {
  ++result_.quarantined;
  const auto key = decode_key(row.key);
  if (!key) return damage(key.error().sentence());
  messages_needed_.emplace(message_prefix(key->message));
  const auto record = decode_record(row.value);
  if (!record) return;
  packs_needed_.insert(record->location.pack);
  queues_used_.insert(record->queue);
}

void PartitionCheck::see_deferral(const Row& row) {
  ++result_.deferrals;
  const auto key = decode_key(row.key);
  if (!key) return damage(key.error().sentence());
  const auto notes = decode_attempts(row.value);
  if (!notes) damage(fmt::format("{}: {}", name_of(*key), notes.error().sentence()));
  const auto envelope = transaction_.find(Table::envelopes, row.key);
  const auto quarantined = transaction_.find(Table::quarantine, row.key);
  const bool has_envelope = (envelope && *envelope) || (quarantined && *quarantined);
  if (!has_envelope) damage(fmt::format("{}: past attempts without an envelope", name_of(*key)));
}

void PartitionCheck::see_queue(const Row& row) {
  ++result_.queues;
  const auto number = decode_queue_key(row.key);
  if (!number) return damage(number.error().sentence());
  if (!queues_used_.contains(*number)) ++result_.unused_queues;
}

// Who names counters is another's matter: any name within its bounds is one. It is quoted, since a
// damaged one may hold what a terminal obeys.
void PartitionCheck::see_counter(const Row& row) {
  ++result_.counters;
  const auto entry = decode_ledger_row(row.key, row.value);
  if (!entry) return damage(fmt::format("counter {:?}: {}", row.key, entry.error().sentence()));
  if (entry->expiry <= now_) ++result_.expired_counters;
}

void PartitionCheck::see_pack(const Row& row) {
  ++result_.packs;
  result_.pack_bytes += row.value.size();
  const auto pack = decode_pack_key(row.key);
  if (!pack) return damage(pack.error().sentence());
  if (packs_needed_.contains(*pack)) {
    const auto header = parse_pack_header(row.value);
    if (!header) damage(fmt::format("pack {}: {}", *pack, header.error().sentence()));
    return;
  }
  ++result_.reclaimable_packs;
  result_.reclaimable_bytes += row.value.size();
}

void PartitionCheck::see_part(const Row& row) {
  ++result_.parts;
  result_.part_bytes += row.value.size();
  const auto key = decode_part_key(row.key);
  if (!key) return damage(key.error().sentence());
  if (messages_needed_.contains(std::string(message_prefix(key->message)))) return;
  ++result_.reclaimable_parts;
  result_.reclaimable_bytes += row.value.size();
}

// In the order in which entries lie on disk; the body of one that several envelopes share, once.
void PartitionCheck::check_entries() {
  std::ranges::sort(references_, {}, [](const Reference& reference) {
    return std::pair(std::pair(reference.location.pack, reference.location.offset), reference.key);
  });
  std::optional<EntryLocation> last;
  for (const auto& reference : references_) {
    check_entry(reference, last != reference.location);
    last = reference.location;
  }
}

Result<Entry> PartitionCheck::entry_of(const Reference& reference) const {
  const auto key = encode_key(reference.key);
  SLUICE_TRY(value, transaction_.find(Table::envelopes, key.view()));
  if (!value) return fail(ErrorCode::corrupt, "its record cannot be found again");
  SLUICE_TRY(record, decode_record(*value));
  return find_entry(transaction_, reference.key, record);
}

void PartitionCheck::check_entry(const Reference& reference, bool is_first_of_entry) {
  const auto entry = entry_of(reference);
  if (!entry)
    return damage(fmt::format("{}: {}", name_of(reference.key), entry.error().sentence()));
  if (!is_first_of_entry) return;
  const auto sound = entry->check_body();
  if (!sound) damage(fmt::format("{}: {}", name_of(reference.key), sound.error().sentence()));
}

void PartitionCheck::check_parts() {
  std::unordered_set<std::string> checked;
  for (const auto& reference : references_) {
    if (reference.body_parts == 0) continue;
    if (checked.emplace(message_prefix(reference.key.message)).second) check_parts_of(reference);
  }
}

void PartitionCheck::check_parts_of(const Reference& reference) {
  const auto& message = reference.key.message;
  std::uint64_t bytes = 0;
  for (std::uint32_t part = 0; part < reference.body_parts; ++part) {
    const auto key = encode_part_key({message, part});
    const auto value = transaction_.find(Table::parts, key.view());
    if (!value || !*value) {
      damage(fmt::format("{}: part {} of its body is missing", message.to_string(), part));
      continue;
    }
    const auto body = parse_part(**value, message, part);
    if (body) {
      bytes += body->size();
    } else {
      damage(fmt::format("{}: part {}: {}", message.to_string(), part, body.error().sentence()));
    }
  }
  const auto entry = entry_of(reference);
  if (entry && entry->body_bytes() != bytes) {
    damage(fmt::format("{}: its body has {} bytes instead of {}", message.to_string(), bytes,
                       entry->body_bytes()));
  }
}

Result<void> PartitionCheck::check_accounting() {
  SLUICE_TRY(value, transaction_.find(Table::meta, "accounting"));
  if (value) {
    const auto accounting = decode_accounting(*value);
    if (!accounting) {
      damage(accounting.error().sentence());
      return {};
    }
    result_.accounting = *accounting;
  }
  const auto& books = result_.accounting;
  if (!is_balanced(books)) {
    damage(
        fmt::format("the accounting does not hold: {} received, {} generated, yet {} delivered, {} "
                    "bounced, {} expired, "
                    "{} removed, {} suppressed, {} quarantined, {} queued",
                    books.received, books.generated, books.delivered, books.bounced, books.expired,
                    books.removed, books.suppressed, books.quarantined, books.queued));
  }
  if (books.queued != result_.recipients_pending) {
    damage(fmt::format("the accounting has {} recipients queued, the records have {}", books.queued,
                       result_.recipients_pending));
  }
  return {};
}

Result<PartitionReport> verify_partition(const std::string& directory, PartitionId partition,
                                         VerificationReport& report) {
  auto environment = Environment::open(directory, ByteCount(0), Access::read_only);
  if (!environment) {
    // A crash while it was being made leaves a directory, or a file without tables: nothing was
    // promised yet.
    const bool is_unborn = environment.error().code() == ErrorCode::not_found;
    if (!is_unborn) return std::unexpected(std::move(environment).error());
    PartitionReport unborn;
    unborn.partition = partition;
    return unborn;
  }
  SLUICE_TRY(transaction, ReadTransaction::begin(**environment));
  return PartitionCheck(*transaction, partition, report).run();
}

}  // namespace

Result<VerificationReport> verify_spool(const std::string& directory) {
  SLUICE_TRY(partitions, find_partitions(directory));
  if (partitions.empty()) {
    return fail(ErrorCode::not_found,
                fmt::format("{} is no spool: it has no partition", directory));
  }
  SLUICE_TRY(lock, LockFile::take(directory));
  VerificationReport report;
  for (const auto partition : partitions) {
    const auto place = partition_directory(directory, partition);
    auto checked = verify_partition(place, partition, report);
    if (!checked) return std::unexpected(std::move(checked).error().within(place));
    report.partitions.push_back(*checked);
  }
  return report;
}

}  // namespace sluice::spool
