// FakeSpool: a spool in memory, for tests of what stands before it. Accepts at once, fails as told,
// and remembers what it was given.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/shard.h"
#include "spool/spool.h"

namespace sluice::relay {

// A body as one string. `failure` is what append() says, when set.
class FakeBody final : public spool::IncomingBody {
 public:
  FakeBody(std::string& text, const std::optional<Error>& failure)
      : text_(text), failure_(failure) {
    text_.clear();
  }
  Task<Result<void>> append(std::string_view bytes) override {
    if (failure_) co_return std::unexpected(Error(failure_->code(), failure_->sentence()));
    text_ += bytes;
    co_return Result<void>();
  }
  std::uint64_t size() const override { return text_.size(); }

 private:
  std::string& text_;
  const std::optional<Error>& failure_;
};

class FakeSpool : public spool::Spool {
 public:
  bool is_roomy = true;
  bool is_ordinary_roomy = true;  // of the rest, when it is roomy
  std::optional<Error> append_failure;
  std::optional<Error> accept_failure;
  std::optional<Error> ledger_failure;
  std::string body;  // of the last message
  spool::QueueNames queues;
  std::vector<spool::NewMessage> accepted;
  std::vector<spool::LedgerEntry> ledger;  // what was set
  bool holds_commits = false;              // accept() does not answer meanwhile
  std::size_t commits_held = 0;            // how many wait for that

  void start(Callbacks) override {}
  spool::PartitionId partition_of(ShardId) const override { return 0; }
  bool has_room(spool::Space space) const override {
    return is_roomy && (is_ordinary_roomy || space == spool::Space::reserved);
  }
  void set_disk_free(ByteCount) override {}
  std::unique_ptr<spool::IncomingBody> begin_body(Shard&, spool::MessageId) override {
    return std::make_unique<FakeBody>(body, append_failure);
  }

  Task<Result<spool::AcceptedMessage>> accept(Shard& shard, spool::NewMessage message) override {
    ++commits_held;
    do {
      co_await yield(shard);  // as the real one, it answers later
    } while (holds_commits);
    --commits_held;
    if (accept_failure) {
      co_return std::unexpected(Error(accept_failure->code(), accept_failure->sentence()));
    }
    const spool::MessageId id = message.id;
    accepted.push_back(std::move(message));
    co_return spool::AcceptedMessage{.id = id, .body = nullptr};
  }
  Task<Result<spool::StoredEnvelope>> read(Shard&, spool::EnvelopeKey, spool::ReadBody) override {
    co_return fail(ErrorCode::not_found, "the fake gives nothing back");
  }
  Task<Result<std::shared_ptr<const ByteChain>>> read_part(Shard&, spool::EnvelopeKey,
                                                           std::uint32_t) override {
    co_return fail(ErrorCode::not_found, "the fake gives nothing back");
  }
  Task<Result<void>> record(Shard&, spool::EnvelopeOutcome) override { co_return Result<void>(); }
  Task<Result<void>> flush(Shard&) override { co_return Result<void>(); }
  Task<Result<std::vector<spool::EnvelopeDetails>>> inspect(Shard&, spool::MessageId) override {
    co_return fail(ErrorCode::not_found, "the fake gives nothing back");
  }
  Task<Result<void>> set_ledger(Shard&, spool::LedgerEntry entry) override {
    if (ledger_failure) {
      co_return std::unexpected(Error(ledger_failure->code(), ledger_failure->sentence()));
    }
    ledger.push_back(std::move(entry));
    co_return Result<void>();
  }
  const std::vector<spool::LedgerEntry>& ledger_at_start() const override { return ledger; }
  spool::QueueHold hold_queue(std::string_view name) override { return queues.hold(name); }
  std::string queue_name(std::uint32_t number) const override { return queues.name(number); }
  spool::Accounting accounting() const override { return {}; }
  std::vector<const MetricRegistry*> metrics() const override { return {}; }
  void stop() override {}
};

}  // namespace sluice::relay
