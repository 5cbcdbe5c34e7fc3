#include "spool/partition.h"

#include <fmt/format.h>

#include <utility>

#include "core/assert.h"
#include "spool/record.h"
#include "spool/spool_directory.h"

namespace sluice::spool {

struct Partition::Found {
  PartitionState state;
  SpoolAtStart at_start;
  std::vector<LedgerEntry> ledger;
};

namespace {

Result<Accounting> load_accounting(const Transaction& transaction) {
  SLUICE_TRY(value, transaction.find(Table::meta, "accounting"));
  if (!value) return Accounting{};
  return decode_accounting(*value);
}

Result<std::uint64_t> first_free_pack(const Transaction& transaction) {
  SLUICE_TRY(cursor, Cursor::open(transaction, Table::packs));
  SLUICE_TRY(row, cursor->last());
  if (!row) return 1;
  SLUICE_TRY(last, decode_pack_key(row->key));
  return last + 1;
}

Result<std::vector<std::uint32_t>> load_names(const Transaction& transaction, QueueNames& names) {
  std::vector<std::uint32_t> numbers;
  SLUICE_TRY(cursor, Cursor::open(transaction, Table::queues));
  SLUICE_TRY(row, cursor->first());
  while (row) {
    SLUICE_TRY(number, decode_queue_key(row->key));
    if (auto loaded = names.load(number, row->value); !loaded)
      return std::unexpected(std::move(loaded).error());
    numbers.push_back(number);
    SLUICE_TRY(next, cursor->next());
    row = next;
  }
  return numbers;
}

// Without what is damaged: a counter begins anew, and `sluice spool verify` tells of it.
Result<std::vector<LedgerEntry>> load_ledger(const Transaction& transaction, WallTime now) {
  std::vector<LedgerEntry> entries;
  SLUICE_TRY(cursor, Cursor::open(transaction, Table::ledger));
  SLUICE_TRY(row, cursor->first());
  while (row) {
    auto entry = decode_ledger_row(row->key, row->value);
    if (entry && entry->expiry > now) entries.push_back(*std::move(entry));
    SLUICE_TRY(next, cursor->next());
    row = next;
  }
  return entries;
}

// Before new parts come: afterwards a part without an envelope may be one that is just arriving.
Result<std::vector<MessageId>> find_messages_with_parts(const Transaction& transaction) {
  std::vector<MessageId> messages;
  SLUICE_TRY(cursor, Cursor::open(transaction, Table::parts));
  SLUICE_TRY(row, cursor->first());
  while (row) {
    SLUICE_TRY(key, decode_part_key(row->key));
    if (messages.empty() || messages.back() != key.message) messages.push_back(key.message);
    SLUICE_TRY(next, cursor->next());
    row = next;
  }
  return messages;
}

}  // namespace

Result<Partition::Found> Partition::look(const Environment& environment, QueueNames& names) {
  SLUICE_TRY(transaction, ReadTransaction::begin(environment));
  SLUICE_TRY(accounting, load_accounting(*transaction));
  SLUICE_TRY(first_pack, first_free_pack(*transaction));
  SLUICE_TRY(queues, load_names(*transaction, names));
  SLUICE_TRY(messages, find_messages_with_parts(*transaction));
  SLUICE_TRY(ledger, load_ledger(*transaction, Clock().wall()));
  Found found{
      .state = PartitionState(first_pack, names, queues),
      .at_start = {.first_new_pack = first_pack, .messages_with_parts = std::move(messages)},
      .ledger = std::move(ledger)};
  found.state.accounting = accounting;
  return found;
}

Result<std::unique_ptr<Partition>> Partition::open(const std::string& directory,
                                                   const SpoolSettings& settings, QueueNames& names,
                                                   MemoryBudget& read_budget) {
  if (auto made = make_partition_directory(directory); !made)
    return std::unexpected(std::move(made).error());
  SLUICE_TRY(environment, Environment::open(directory, settings.size, Access::read_write));
  auto found = look(*environment, names);
  if (!found) return std::unexpected(std::move(found).error().within(directory));
  return std::unique_ptr<Partition>(
      new Partition(std::move(environment), std::move(*found), settings, names, read_budget));
}

Partition::Partition(std::unique_ptr<Environment> environment, Found found,
                     const SpoolSettings& settings, QueueNames& names, MemoryBudget& read_budget)
    : environment_(std::move(environment)),
      at_start_(std::move(found.at_start)),
      ledger_at_start_(std::move(found.ledger)),
      committer_(*environment_, std::move(found.state),
                 {.disk_free = settings.disk_free,
                  .reserved_percent = settings.reserved_percent,
                  .compaction_delay = settings.compaction_delay,
                  .queue_idle = settings.queue_idle}),
      reader_(*environment_, committer_.outcomes(), names, read_budget) {}

Partition::~Partition() {
  SLUICE_ASSERT(committer_worker_ == nullptr && reader_worker_ == nullptr,
                "a partition is stopped first");
}

void Partition::start(Executor& executor, PartitionId number, const Spool::Callbacks& callbacks,
                      std::function<void()> on_all_envelopes) {
  SLUICE_ASSERT(committer_worker_ == nullptr, "a partition starts once");
  committer_.link(
      {.on_fatal = callbacks.on_fatal,
       .on_quarantined = callbacks.on_quarantined,
       .compact = [this](std::vector<std::uint64_t> packs) { reader_.compact(std::move(packs)); }});
  reader_.start(
      {.on_envelopes = callbacks.on_envelopes,
       .on_all_envelopes = std::move(on_all_envelopes),
       .on_fatal = callbacks.on_fatal,
       .damaged =
           [this](std::vector<QuarantinedEnvelope> found) { committer_.submit(std::move(found)); },
       .compacted = [this](CompactedPacks packs) { committer_.submit(std::move(packs)); },
       .recovered = [this](RecoveredPartition found) { committer_.submit(std::move(found)); }},
      std::move(at_start_));
  committer_worker_ = executor.start(fmt::format("spool-{:02}-commit", number),
                                     [this] { return committer_.step(); });
  committer_.attach(committer_worker_.get());
  reader_worker_ =
      executor.start(fmt::format("spool-{:02}-read", number), [this] { return reader_.step(); });
  reader_.attach(reader_worker_.get());
}

void Partition::stop() {
  if (committer_worker_ == nullptr) return;
  reader_worker_->stop();
  reader_.attach(nullptr);
  reader_.finish();
  committer_worker_->stop();
  committer_.attach(nullptr);
  committer_.finish();
  reader_worker_.reset();
  committer_worker_.reset();
}

}  // namespace sluice::spool
