// Request: what a shard asks a committer or a reader. It is made on the shard, worked on by the
// worker's thread, and goes back by letter to be answered and destroyed where it was made.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/buffer.h"
#include "core/completion.h"
#include "core/error.h"
#include "spool/message_id.h"
#include "spool/spool.h"

namespace sluice::spool {

class Request {
 public:
  explicit Request(Shard& shard) : shard_(shard) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  virtual ~Request() = default;

  // On the shard's thread: tells who waits.
  virtual void answer() = 0;
  Shard& shard() const { return shard_; }

 private:
  Shard& shard_;
};

// A request whose task waits for a T. The task cannot be cancelled while it waits, so `waiter`,
// which lies in its frame, outlives the request.
template <class T>
class AwaitedRequest : public Request {
 public:
  using Waiter = Completion<Result<T>>;
  AwaitedRequest(Shard& shard, Waiter& waiter) : Request(shard), waiter_(waiter) {}

  void finish(Result<T> result) { result_.emplace(std::move(result)); }
  void answer() override {
    SLUICE_ASSERT(result_.has_value(), "a request is finished before it goes back");
    waiter_.complete(std::move(*result_));
  }

 private:
  Waiter& waiter_;
  std::optional<Result<T>> result_;
};

// To the committer.
struct AcceptRequest final : AwaitedRequest<void> {
  using AwaitedRequest::AwaitedRequest;
  std::optional<MessageId> id;
  std::string metadata;
  std::vector<NewEnvelope> envelopes;
  std::shared_ptr<const ByteChain> body;  // null: in parts
  std::uint64_t body_bytes = 0;
  std::uint16_t body_parts = 0;
  std::vector<LedgerEntry> ledger;
  Origin origin = Origin::received;
};
struct LedgerRequest final : AwaitedRequest<void> {
  LedgerRequest(Shard& shard, Waiter& waiter, LedgerEntry set)
      : AwaitedRequest(shard, waiter), entry(std::move(set)) {}
  LedgerEntry entry;
};
struct FlushRequest final : AwaitedRequest<void> {
  using AwaitedRequest::AwaitedRequest;
};

// To the reader.
struct ReadRequest final : AwaitedRequest<StoredEnvelope> {
  ReadRequest(Shard& shard, Waiter& waiter, EnvelopeKey envelope, ReadBody read_body)
      : AwaitedRequest(shard, waiter), key(envelope), body(read_body) {}
  EnvelopeKey key;
  ReadBody body;
};
struct PartReadRequest final : AwaitedRequest<std::shared_ptr<const ByteChain>> {
  PartReadRequest(Shard& shard, Waiter& waiter, EnvelopeKey envelope, std::uint32_t number)
      : AwaitedRequest(shard, waiter), key(envelope), part(number) {}
  EnvelopeKey key;
  std::uint32_t part;
};
struct InspectRequest final : AwaitedRequest<std::vector<EnvelopeDetails>> {
  InspectRequest(Shard& shard, Waiter& waiter, MessageId id)
      : AwaitedRequest(shard, waiter), message(id) {}
  MessageId message;
};

}  // namespace sluice::spool
