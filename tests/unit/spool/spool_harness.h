// SpoolHarness: a real spool on a temporary directory, with shards on threads of their own, behind
// verbs that wait. Tests read as straight lines; what they wait for is bounded by the test's time
// limit.
#pragma once

#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/event.h"
#include "core/executor.h"
#include "core/shard.h"
#include "core/shard_group.h"
#include "spool/spool.h"

namespace sluice::spool {

// A directory of its own for one test, removed with what is in it.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(
      const std::filesystem::path& place = std::filesystem::temp_directory_path());
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Where tests that see to durability themselves need not wait for a disk; the usual place where
// memory has no room.
std::filesystem::path place_without_disk();

// What a test wants stored.
struct TestMessage {
  std::string body;
  std::string metadata = "sender@example.org";
  std::vector<std::string> envelopes = {"recipient@example.net"};  // metadata of each
  std::uint16_t recipients = 1;                                    // of each envelope
  std::string queue = "campaign:tenant@example.net";
  std::vector<LedgerEntry> ledger = {};
  std::size_t append_bytes = 100'000;  // handed over in pieces of this
};

// Bytes that look random and are the same for the same seed.
std::string pattern(std::size_t bytes, std::uint64_t seed);

// An outcome that ends the first `recipients` recipients.
EnvelopeOutcome delivered(const EnvelopeKey& key, std::uint16_t recipients = 1);
EnvelopeOutcome deferred(const EnvelopeKey& key, std::uint16_t attempts, std::string reply);

Task<Result<AcceptedMessage>> store(Shard& shard, Spool& spool, MessageId id, TestMessage message);

// The shards of a test, and the way to wait for a task on one of them.
class ShardThreads {
 public:
  explicit ShardThreads(unsigned count);
  ~ShardThreads();

  Shard& at(unsigned shard) { return group_->at(ShardId(static_cast<std::uint16_t>(shard))); }

  // Runs the task that `make` gives on the shard and returns its value.
  template <class T>
  T run(unsigned shard, std::function<Task<T>(Shard&)> make) {
    std::promise<T> promise;
    group_->post(ShardId(static_cast<std::uint16_t>(shard)), [this, shard, &make, &promise] {
      at(shard).scope().spawn(fulfil<T>(at(shard), make, promise));
    });
    return promise.get_future().get();
  }

 private:
  template <class T>
  static Task<void> fulfil(Shard& shard, std::function<Task<T>(Shard&)>& make,
                           std::promise<T>& promise) {
    auto task = make(shard);
    auto value = co_await task;
    promise.set_value(std::move(value));
  }

  std::unique_ptr<ShardGroup> group_;
  std::vector<std::unique_ptr<Event>> leave_;
  std::vector<char> may_leave_;
  std::thread thread_;
};

class SpoolHarness {
 public:
  explicit SpoolHarness(SpoolSettings settings, unsigned shards = 1);
  ~SpoolHarness();

  // Opens and starts; returns when the recovery has told of everything.
  Result<void> open();
  void close();
  Spool& spool() { return *spool_; }
  ShardThreads& shards() { return shards_; }

  MessageId next_id(unsigned shard = 0);
  Result<AcceptedMessage> accept(const TestMessage& message, unsigned shard = 0);
  EnvelopeKey accept_one(const TestMessage& message);  // must succeed; its first envelope
  Result<StoredEnvelope> read(const EnvelopeKey& key, ReadBody body = ReadBody::yes);
  Result<std::string> read_body(const EnvelopeKey& key);  // whole, also from parts
  Result<void> record(const EnvelopeOutcome& outcome);
  Result<void> flush();
  Result<std::vector<EnvelopeDetails>> inspect(const MessageId& id);
  std::uint64_t metric(const std::string& name) const;  // of all partitions

  // What the recovery told of, in key order.
  std::vector<WaitingEnvelope> recovered() const;
  // Waits until an envelope was quarantined and returns its key.
  EnvelopeKey wait_for_quarantine();
  // Waits until the spool has said that it can no longer be used, which is a failure otherwise.
  Error wait_for_fatal();
  // Waits until the condition holds, looking every now and then; false: it never did.
  static bool eventually(const std::function<bool()>& condition);

  SpoolSettings settings;
  MemoryBudget budget{mebibytes(512)};
  MemoryBudget read_budget{mebibytes(512)};
  bool expects_fatal = false;

 private:
  Executor executor_;
  ShardThreads shards_;
  Random random_;
  std::vector<std::unique_ptr<MessageIdSource>> id_sources_;
  std::unique_ptr<Spool> spool_;
  mutable std::mutex mutex_;
  std::vector<WaitingEnvelope> recovered_;
  std::vector<EnvelopeKey> quarantined_;
  std::optional<Error> fatal_;
};

// Settings of a small spool in that directory.
SpoolSettings small_spool(const TemporaryDirectory& directory);

}  // namespace sluice::spool
