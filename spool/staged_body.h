// StagedBody: a body on its way in. It lies in memory up to kBodyPartBytes; what exceeds that goes
// to the committer in parts, each durable before many more are taken.
//
// Lives on one shard. Destroyed before keep(), it asks the committer to remove its parts; what a
// crash leaves is found at the next start.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/completion.h"
#include "spool/request.h"

namespace sluice::spool {

class Committer;

// Parts handed over and not yet durable; with more, append() waits.
inline constexpr std::size_t kPartsOutstandingMax = 4;

// What a body and its parts on their way share. Used on the shard only; shared because parts come
// back also when the body is gone.
struct PartFlow {
  std::size_t outstanding = 0;
  std::optional<Error> failure;        // the first
  Completion<bool>* waiter = nullptr;  // told of the next part that comes back
};

struct PartRequest final : Request {
  PartRequest(Shard& shard, ByteChain part_body, std::uint32_t part,
              std::shared_ptr<PartFlow> part_flow)
      : Request(shard), body(std::move(part_body)), number(part), flow(std::move(part_flow)) {}
  void answer() override;

  ByteChain body;
  std::uint32_t number;
  std::optional<Error> failure;
  std::shared_ptr<PartFlow> flow;
};

// To the committer: store a part, or remove all parts of a message that was not accepted.
struct PartWork {
  MessageId message;
  std::unique_ptr<PartRequest> store;  // null: remove
};

class StagedBody final : public IncomingBody {
 public:
  StagedBody(Shard& shard, Committer& committer, MemoryBudget& budget, MessageId message);
  StagedBody(const StagedBody&) = delete;
  StagedBody& operator=(const StagedBody&) = delete;
  ~StagedBody() override;

  Task<Result<void>> append(std::string_view bytes) override;
  std::uint64_t size() const override { return size_; }

  // No more comes. Returns when every part is durable; a body without parts returns at once.
  Task<Result<void>> finish();
  // Makes what lies in memory a part too, whatever its size.
  void send_part();
  std::uint16_t parts() const { return parts_; }
  // The body where it has no parts; the body is empty then.
  std::shared_ptr<const ByteChain> take();
  // The message was accepted: its parts stay.
  void keep() { is_kept_ = true; }

 private:
  Task<Result<void>> wait_for_parts(std::size_t outstanding_max);

  Shard& shard_;
  Committer& committer_;
  MemoryBudget& budget_;
  MessageId message_;
  ByteChain chain_;  // what is not in parts
  std::uint64_t size_ = 0;
  std::uint16_t parts_ = 0;
  std::shared_ptr<PartFlow> flow_;
  bool is_kept_ = false;
};

}  // namespace sluice::spool
