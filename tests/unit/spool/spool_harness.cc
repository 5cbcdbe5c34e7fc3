#include "tests/unit/spool/spool_harness.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <numeric>

#include "core/metrics.h"

namespace sluice::spool {

std::filesystem::path place_without_disk() {
  constexpr std::uintmax_t kRoom = std::uintmax_t{1} << 30;
  const std::filesystem::path memory = "/dev/shm";
  std::error_code failure;
  const auto space = std::filesystem::space(memory, failure);
  return !failure && space.available >= kRoom ? memory : std::filesystem::temp_directory_path();
}

TemporaryDirectory::TemporaryDirectory(const std::filesystem::path& place) {
  auto name = (place / "sluice-spool-XXXXXX").string();
  path_ = mkdtemp(name.data()) != nullptr ? name : std::string();
  SLUICE_ASSERT(!path_.empty(), "tests have a temporary directory");
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // what cannot be removed is the machine's to clean
  std::filesystem::remove_all(path_, ignored);
}

SpoolSettings small_spool(const TemporaryDirectory& directory) {
  return SpoolSettings{.directory = directory.path() + "/spool",
                       .partitions = 1,
                       .size = mebibytes(256),
                       .disk_free = mebibytes(1),
                       .compaction_delay = std::chrono::seconds(10)};
}

std::string pattern(std::size_t bytes, std::uint64_t seed) {
  Random random(seed);
  std::string text(bytes, '\0');
  for (auto& byte : text) byte = static_cast<char>(random.next() >> 56);
  return text;
}

EnvelopeOutcome delivered(const EnvelopeKey& key, std::uint16_t recipients) {
  EnvelopeOutcome outcome{.key = key, .ended = {}, .counts = {}, .attempts = 1, .note = {}};
  outcome.ended.resize(recipients);
  std::iota(outcome.ended.begin(), outcome.ended.end(), std::uint16_t{0});
  outcome.counts.delivered = recipients;
  return outcome;
}

EnvelopeOutcome deferred(const EnvelopeKey& key, std::uint16_t attempts, std::string reply) {
  return EnvelopeOutcome{.key = key,
                         .ended = {},
                         .counts = {},
                         .attempts = attempts,
                         .next_attempt = WallTime(1'000'000 + attempts),
                         .note = AttemptNote{.time = WallTime(attempts),
                                             .host = "mx.example.net [192.0.2.1]",
                                             .source = "192.0.2.9",
                                             .reply = std::move(reply)}};
}

Task<Result<AcceptedMessage>> store(Shard& shard, Spool& spool, MessageId id, TestMessage message) {
  NewMessage fresh{
      .id = id, .metadata = message.metadata, .envelopes = {}, .body = spool.begin_body(shard, id)};
  for (const auto& metadata : message.envelopes) {
    fresh.envelopes.push_back({.queue = spool.hold_queue(message.queue),
                               .metadata = metadata,
                               .recipients = message.recipients,
                               .klass = 1,
                               .next_attempt = WallTime(1000),
                               .expiry = WallTime(2000)});
  }
  fresh.ledger = message.ledger;
  const std::string_view body = message.body;
  for (std::size_t at = 0; at < body.size(); at += message.append_bytes) {
    auto appended = co_await fresh.body->append(body.substr(at, message.append_bytes));
    if (!appended) co_return std::unexpected(std::move(appended).error());
  }
  co_return co_await spool.accept(shard, std::move(fresh));
}

namespace {

Task<void> stay_until(Event& leave, const char& may_leave) {
  while (may_leave == 0) {
    auto woken = co_await leave.wait(Deadline::never());
    SLUICE_ASSERT(woken.has_value(), "nobody cancels it");
  }
}

}  // namespace

ShardThreads::ShardThreads(unsigned count) {
  auto started = ShardGroup::start(count, 7);
  SLUICE_ASSERT(started.has_value(), "tests need io_uring");
  group_ = std::move(*started);
  may_leave_.resize(count);
  for (unsigned i = 0; i < count; ++i) leave_.push_back(std::make_unique<Event>(at(i)));
  thread_ = std::thread([this] {
    group_->run([this](Shard& shard) {
      const auto index = shard.id().value();
      return stay_until(*leave_[index], may_leave_[index]);
    });
  });
}

ShardThreads::~ShardThreads() {
  for (unsigned i = 0; i < leave_.size(); ++i) {
    group_->post(ShardId(static_cast<std::uint16_t>(i)), [this, i] {
      may_leave_[i] = 1;
      leave_[i]->notify_all();
    });
  }
  thread_.join();
  leave_.clear();
}

SpoolHarness::SpoolHarness(SpoolSettings spool_settings, unsigned shards)
    : settings(std::move(spool_settings)), shards_(shards), random_(random_seed()) {}

SpoolHarness::~SpoolHarness() { close(); }

Result<void> SpoolHarness::open() {
  auto opened = Spool::open(settings, executor_, budget, read_budget);
  if (!opened) return std::unexpected(std::move(opened).error());
  spool_ = std::move(*opened);
  recovered_.clear();
  auto is_recovered = std::make_shared<std::promise<void>>();
  spool_->start({.on_envelopes =
                     [this](std::vector<WaitingEnvelope> found) {
                       const std::lock_guard lock(mutex_);
                       recovered_.insert(recovered_.end(), found.begin(), found.end());
                     },
                 .on_recovered = [is_recovered] { is_recovered->set_value(); },
                 .on_fatal =
                     [this](Error error) {
                       EXPECT_TRUE(expects_fatal) << error.sentence();
                       const std::lock_guard lock(mutex_);
                       fatal_ = std::move(error);
                     },
                 .on_quarantined =
                     [this](EnvelopeKey key, const std::string&) {
                       const std::lock_guard lock(mutex_);
                       quarantined_.push_back(key);
                     }});
  is_recovered->get_future().get();
  return {};
}

void SpoolHarness::close() {
  if (spool_ == nullptr) return;
  spool_->stop();
  spool_.reset();
}

MessageId SpoolHarness::next_id(unsigned shard) {
  while (id_sources_.size() <= shard) {
    const auto index = static_cast<std::uint16_t>(id_sources_.size());
    id_sources_.push_back(
        std::make_unique<MessageIdSource>(spool_->partition_of(ShardId(index)), index, random_));
  }
  return id_sources_[shard]->next(Clock().wall());
}

Result<AcceptedMessage> SpoolHarness::accept(const TestMessage& message, unsigned shard) {
  const auto id = next_id(shard);
  return shards_.run<Result<AcceptedMessage>>(
      shard, [&](Shard& on) { return store(on, *spool_, id, message); });
}

EnvelopeKey SpoolHarness::accept_one(const TestMessage& message) {
  const auto accepted = accept(message);
  SLUICE_ASSERT(accepted.has_value(), "the test expects it to be stored");
  return {accepted->id, 0};
}

Result<StoredEnvelope> SpoolHarness::read(const EnvelopeKey& key, ReadBody body) {
  return shards_.run<Result<StoredEnvelope>>(
      0, [&](Shard& on) { return spool_->read(on, key, body); });
}

Result<std::string> SpoolHarness::read_body(const EnvelopeKey& key) {
  SLUICE_TRY(envelope, read(key));
  if (envelope.body_parts == 0) return envelope.body->to_string();
  std::string body;
  for (std::uint32_t part = 0; part < envelope.body_parts; ++part) {
    using Part = Result<std::shared_ptr<const ByteChain>>;
    SLUICE_TRY(bytes,
               shards_.run<Part>(0, [&](Shard& on) { return spool_->read_part(on, key, part); }));
    body += bytes->to_string();
  }
  return body;
}

Result<void> SpoolHarness::record(const EnvelopeOutcome& outcome) {
  return shards_.run<Result<void>>(0, [&](Shard& on) { return spool_->record(on, outcome); });
}

Result<void> SpoolHarness::flush() {
  return shards_.run<Result<void>>(0, [&](Shard& on) { return spool_->flush(on); });
}

Result<std::vector<EnvelopeDetails>> SpoolHarness::inspect(const MessageId& id) {
  return shards_.run<Result<std::vector<EnvelopeDetails>>>(
      0, [&](Shard& on) { return spool_->inspect(on, id); });
}

std::uint64_t SpoolHarness::metric(const std::string& name) const {
  std::uint64_t sum = 0;
  for (const auto& value : sum_metrics(spool_->metrics())) {
    if (value.name == name) sum += static_cast<std::uint64_t>(value.value);
  }
  return sum;
}

std::vector<WaitingEnvelope> SpoolHarness::recovered() const {
  const std::lock_guard lock(mutex_);
  auto found = recovered_;
  std::ranges::sort(found, {}, &WaitingEnvelope::key);
  return found;
}

EnvelopeKey SpoolHarness::wait_for_quarantine() {
  const bool came = eventually([this] {
    const std::lock_guard lock(mutex_);
    return !quarantined_.empty();
  });
  SLUICE_ASSERT(came, "the test expects damage to be found");
  const std::lock_guard lock(mutex_);
  return quarantined_.front();
}

Error SpoolHarness::wait_for_fatal() {
  const bool came = eventually([this] {
    const std::lock_guard lock(mutex_);
    return fatal_.has_value();
  });
  SLUICE_ASSERT(came, "the test expects the spool to fail");
  const std::lock_guard lock(mutex_);
  return *fatal_;
}

bool SpoolHarness::eventually(const std::function<bool()>& condition) {
  constexpr auto kPatience = std::chrono::seconds(60);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace sluice::spool
