#include "spool/spool.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "core/assert.h"
#include "core/completion.h"
#include "core/shard.h"
#include "spool/lock_file.h"
#include "spool/partition.h"
#include "spool/queue_names.h"
#include "spool/record.h"
#include "spool/spool_directory.h"

namespace sluice::spool {

namespace {

constexpr unsigned kCoresPerPartition = 4;

unsigned partitions_wanted(const SpoolSettings& settings) {
  if (settings.partitions > 0) return std::min(settings.partitions, kPartitionsMax);
  return std::clamp(std::thread::hardware_concurrency() / kCoresPerPartition, 1U, kPartitionsMax);
}

bool is_good_name(const LedgerEntry& entry) {
  return !entry.name.empty() && entry.name.size() <= kLedgerNameBytesMax;
}

Result<void> check_bounds(const NewMessage& message) {
  SLUICE_ASSERT(message.ledger.size() <= kLedgerEntriesPerMessageMax, "a few counters at most");
  SLUICE_ASSERT(std::ranges::all_of(message.ledger, is_good_name), "names are ours");

  if (message.envelopes.empty() || message.envelopes.size() > kEnvelopesPerMessageMax) {
    return fail(ErrorCode::limit_exceeded,
                fmt::format("a message has 1 to {} envelopes", kEnvelopesPerMessageMax));
  }
  std::size_t metadata_bytes = message.metadata.size();
  bool is_within = message.metadata.size() <= kMetadataBytesMax;
  for (const auto& envelope : message.envelopes) {
    metadata_bytes += envelope.metadata.size();
    is_within = is_within && envelope.metadata.size() <= kMetadataBytesMax &&
                envelope.recipients >= 1 && envelope.recipients <= kRecipientsPerEnvelopeMax &&
                envelope.queue.name().size() <= kQueueNameBytesMax;
  }
  if (!is_within || metadata_bytes > kMessageMetadataBytesMax) {
    return fail(ErrorCode::limit_exceeded,
                "an envelope has too many recipients or too long metadata");
  }
  return {};
}

bool entry_is_too_long(const AcceptRequest& request, std::size_t body_bytes) {
  const auto head_bytes = entry_head_bytes(
      {.message = *request.id, .metadata = request.metadata, .envelopes = request.envelopes});
  return head_bytes + body_bytes > kEntryBytesMax;
}

// The spool of a directory on disk.
class DirectorySpool final : public Spool {
 public:
  DirectorySpool(std::unique_ptr<LockFile> lock, Executor& executor, MemoryBudget& budget)
      : lock_(std::move(lock)), executor_(executor), budget_(budget) {}
  ~DirectorySpool() override {
    SLUICE_ASSERT(!is_started_ || is_stopped_, "a spool is stopped first");
  }
  Result<void> open_partitions(const SpoolSettings& settings, MemoryBudget& read_budget);

  void start(Callbacks callbacks) override;
  PartitionId partition_of(ShardId shard) const override {
    return static_cast<PartitionId>(shard.value() % partitions_active_);
  }
  bool has_room(Space space) const override;
  void set_disk_free(ByteCount bytes) override;
  std::unique_ptr<IncomingBody> begin_body(Shard& shard, MessageId id) override;
  Task<Result<AcceptedMessage>> accept(Shard& shard, NewMessage message) override;
  Task<Result<StoredEnvelope>> read(Shard& shard, EnvelopeKey key, ReadBody body) override;
  Task<Result<std::shared_ptr<const ByteChain>>> read_part(Shard& shard, EnvelopeKey key,
                                                           std::uint32_t part) override;
  Task<Result<void>> record(Shard& shard, EnvelopeOutcome outcome) override;
  Task<Result<void>> flush(Shard& shard) override;
  Task<Result<std::vector<EnvelopeDetails>>> inspect(Shard& shard, MessageId id) override;
  Task<Result<void>> set_ledger(Shard& shard, LedgerEntry entry) override;
  const std::vector<LedgerEntry>& ledger_at_start() const override { return ledger_at_start_; }
  QueueHold hold_queue(std::string_view name) override { return names_.hold(name); }
  std::string queue_name(std::uint32_t number) const override { return names_.name(number); }
  Accounting accounting() const override;
  std::vector<const MetricRegistry*> metrics() const override;
  void stop() override;

 private:
  void sum_ledgers();
  Partition* find(const MessageId& id) { return partitions_[id.partition()].get(); }
  std::unique_ptr<AcceptRequest> make_request(Shard& shard, AcceptRequest::Waiter& waiter,
                                              NewMessage& message);
  Task<Result<void>> flush_partition(Shard& shard, Committer& committer);

  std::unique_ptr<LockFile> lock_;  // outlives the partitions
  Executor& executor_;
  MemoryBudget& budget_;
  QueueNames names_;
  std::vector<LedgerEntry> ledger_at_start_;
  std::array<std::unique_ptr<Partition>, 256> partitions_;  // by id; null: there is none
  unsigned partitions_active_ = 0;                          // new mail goes to the first
  std::atomic<unsigned> partitions_recovering_{0};
  std::function<void()> on_recovered_;
  bool is_started_ = false;
  bool is_stopped_ = false;
};

Result<void> DirectorySpool::open_partitions(const SpoolSettings& settings,
                                             MemoryBudget& read_budget) {
  partitions_active_ = partitions_wanted(settings);
  SLUICE_TRY(ids, find_partitions(settings.directory));
  for (unsigned id = 0; id < partitions_active_; ++id) ids.push_back(static_cast<PartitionId>(id));
  for (const auto id : ids) {
    if (partitions_[id] != nullptr) continue;
    const auto directory = partition_directory(settings.directory, id);
    SLUICE_TRY(partition, Partition::open(directory, settings, names_, read_budget));
    partitions_[id] = std::move(partition);
  }
  sum_ledgers();
  return {};
}

void DirectorySpool::sum_ledgers() {
  std::map<std::string, LedgerEntry> sums;
  for (const auto& partition : partitions_) {
    if (partition == nullptr) continue;
    for (const LedgerEntry& entry : partition->ledger_at_start()) {
      const auto [sum, is_new] = sums.emplace(entry.name, entry);
      if (!is_new) sum->second.amount += entry.amount;
    }
  }
  for (auto& [name, entry] : sums) ledger_at_start_.push_back(std::move(entry));
}

void DirectorySpool::start(Callbacks callbacks) {
  SLUICE_ASSERT(!is_started_, "a spool starts once");
  is_started_ = true;
  on_recovered_ = callbacks.on_recovered;
  for (const auto& partition : partitions_) {
    if (partition != nullptr) partitions_recovering_.fetch_add(1);
  }
  const auto on_all_envelopes = [this] {
    if (partitions_recovering_.fetch_sub(1) == 1) on_recovered_();
  };
  for (std::size_t id = 0; id < partitions_.size(); ++id) {
    if (partitions_[id] == nullptr) continue;
    partitions_[id]->start(executor_, static_cast<PartitionId>(id), callbacks, on_all_envelopes);
  }
}

bool DirectorySpool::has_room(Space space) const {
  for (unsigned id = 0; id < partitions_active_; ++id) {
    if (!partitions_[id]->committer().has_room(space)) return false;
  }
  return true;
}

void DirectorySpool::set_disk_free(ByteCount bytes) {
  for (const auto& partition : partitions_) {
    if (partition != nullptr) partition->committer().set_disk_free(bytes);
  }
}

std::unique_ptr<IncomingBody> DirectorySpool::begin_body(Shard& shard, MessageId id) {
  auto* const partition = find(id);
  SLUICE_ASSERT(partition != nullptr, "ids are made for partition_of(shard)");
  return std::make_unique<StagedBody>(shard, partition->committer(), budget_, id);
}

std::unique_ptr<AcceptRequest> DirectorySpool::make_request(Shard& shard,
                                                            AcceptRequest::Waiter& waiter,
                                                            NewMessage& message) {
  auto request = std::make_unique<AcceptRequest>(shard, waiter);
  request->id = message.id;
  request->metadata = std::move(message.metadata);
  request->envelopes = std::move(message.envelopes);
  request->ledger = std::move(message.ledger);
  request->origin = message.origin;
  return request;
}

Task<Result<AcceptedMessage>> DirectorySpool::accept(Shard& shard, NewMessage message) {
  auto* const partition = find(message.id);
  SLUICE_ASSERT(partition != nullptr, "ids are made for partition_of(shard)");
  if (auto within = check_bounds(message); !within)
    co_return std::unexpected(std::move(within).error());

  if (message.body == nullptr) message.body = begin_body(shard, message.id);
  auto& body = static_cast<StagedBody&>(*message.body);  // begin_body() made it
  Completion<Result<void>> stored(shard);
  auto request = make_request(shard, stored, message);
  request->body_bytes = body.size();
  AcceptedMessage accepted{.id = message.id, .body = nullptr};
  // Long metadata leave the body a value of its own.
  if (body.parts() == 0 && body.size() > 0 && entry_is_too_long(*request, body.size()))
    body.send_part();
  if (body.parts() == 0) {
    request->body = body.take();
    accepted.body = request->body;
  } else {
    auto finished = co_await body.finish();
    if (!finished) co_return std::unexpected(std::move(finished).error());
    request->body_parts = body.parts();
  }
  partition->committer().submit(std::move(request));
  auto result = co_await stored.wait();
  if (!result) co_return std::unexpected(std::move(result).error());
  body.keep();
  co_return accepted;
}

Task<Result<StoredEnvelope>> DirectorySpool::read(Shard& shard, EnvelopeKey key, ReadBody body) {
  auto* const partition = find(key.message);
  if (partition == nullptr) co_return fail(ErrorCode::not_found, "the spool has no such partition");
  Completion<Result<StoredEnvelope>> done(shard);
  partition->reader().submit(std::make_unique<ReadRequest>(shard, done, key, body));
  co_return co_await done.wait();
}

Task<Result<std::shared_ptr<const ByteChain>>> DirectorySpool::read_part(Shard& shard,
                                                                         EnvelopeKey key,
                                                                         std::uint32_t part) {
  auto* const partition = find(key.message);
  if (partition == nullptr) co_return fail(ErrorCode::not_found, "the spool has no such partition");
  Completion<Result<std::shared_ptr<const ByteChain>>> done(shard);
  partition->reader().submit(std::make_unique<PartReadRequest>(shard, done, key, part));
  co_return co_await done.wait();
}

Task<Result<void>> DirectorySpool::record(Shard& shard, EnvelopeOutcome outcome) {
  SLUICE_ASSERT(outcome.counts.total() == outcome.ended.size(),
                "each recipient that ended is counted once");
  auto* const partition = find(outcome.key.message);
  if (partition == nullptr) co_return fail(ErrorCode::not_found, "the spool has no such partition");
  auto& committer = partition->committer();
  const bool must_wait = committer.outcomes().is_full();
  committer.record(std::move(outcome));
  if (!must_wait) co_return Result<void>();
  // The bound is reached: this task waits until the committer has caught up.
  co_return co_await flush_partition(shard, committer);
}

Task<Result<void>> DirectorySpool::flush_partition(Shard& shard, Committer& committer) {
  Completion<Result<void>> done(shard);
  committer.submit(std::make_unique<FlushRequest>(shard, done));
  co_return co_await done.wait();
}

Task<Result<void>> DirectorySpool::flush(Shard& shard) {
  Result<void> flushed;
  for (const auto& partition : partitions_) {
    if (partition == nullptr) continue;
    auto result = co_await flush_partition(shard, partition->committer());
    if (!result && flushed) flushed = std::move(result);
  }
  co_return flushed;
}

// What is set stands in the first partition, whichever shard sets it.
Task<Result<void>> DirectorySpool::set_ledger(Shard& shard, LedgerEntry entry) {
  SLUICE_ASSERT(is_good_name(entry), "names are ours");
  Completion<Result<void>> done(shard);
  partitions_[0]->committer().submit(
      std::make_unique<LedgerRequest>(shard, done, std::move(entry)));
  co_return co_await done.wait();
}

Task<Result<std::vector<EnvelopeDetails>>> DirectorySpool::inspect(Shard& shard, MessageId id) {
  auto* const partition = find(id);
  if (partition == nullptr) co_return fail(ErrorCode::not_found, "the spool has no such partition");
  Completion<Result<std::vector<EnvelopeDetails>>> done(shard);
  partition->reader().submit(std::make_unique<InspectRequest>(shard, done, id));
  co_return co_await done.wait();
}

Accounting DirectorySpool::accounting() const {
  Accounting sum;
  for (const auto& partition : partitions_) {
    if (partition != nullptr) sum = sum + partition->committer().accounting();
  }
  return sum;
}

std::vector<const MetricRegistry*> DirectorySpool::metrics() const {
  std::vector<const MetricRegistry*> registries;
  for (const auto& partition : partitions_) {
    if (partition == nullptr) continue;
    registries.push_back(&partition->committer().metrics());
    registries.push_back(&partition->reader().metrics());
  }
  return registries;
}

void DirectorySpool::stop() {
  for (const auto& partition : partitions_) {
    if (partition != nullptr) partition->stop();
  }
  is_stopped_ = true;
}

}  // namespace

std::uint32_t envelope_size(const NewMessage& message) {
  std::uint64_t bytes = message.metadata.size();
  for (const NewEnvelope& envelope : message.envelopes) bytes += envelope.metadata.size();
  if (message.body != nullptr) bytes += message.body->size();
  return share_of(bytes, std::max<std::size_t>(1, message.envelopes.size()));
}

Result<std::unique_ptr<Spool>> Spool::open(const SpoolSettings& settings, Executor& executor,
                                           MemoryBudget& budget, MemoryBudget& read_budget) {
  if (auto made = make_spool_directory(settings.directory); !made) {
    return std::unexpected(std::move(made).error());
  }
  SLUICE_TRY(lock, LockFile::take(settings.directory));
  auto spool = std::make_unique<DirectorySpool>(std::move(lock), executor, budget);
  if (auto opened = spool->open_partitions(settings, read_budget); !opened) {
    return std::unexpected(std::move(opened).error());
  }
  return spool;
}

}  // namespace sluice::spool
