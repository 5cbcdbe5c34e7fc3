#include "spool/staged_body.h"

#include <algorithm>
#include <utility>

#include "core/assert.h"
#include "spool/committer.h"
#include "spool/record.h"

namespace sluice::spool {

void PartRequest::answer() {
  SLUICE_ASSERT(flow->outstanding > 0, "a part comes back once");
  --flow->outstanding;
  if (failure && !flow->failure) flow->failure = std::move(failure);
  if (flow->waiter != nullptr) std::exchange(flow->waiter, nullptr)->complete(true);
}

StagedBody::StagedBody(Shard& shard, Committer& committer, MemoryBudget& budget, MessageId message)
    : shard_(shard),
      committer_(committer),
      budget_(budget),
      message_(message),
      chain_(budget),
      flow_(std::make_shared<PartFlow>()) {}

StagedBody::~StagedBody() {
  if (parts_ > 0 && !is_kept_) committer_.submit(PartWork{.message = message_, .store = nullptr});
}

Task<Result<void>> StagedBody::append(std::string_view bytes) {
  if (flow_->failure) co_return std::unexpected(*flow_->failure);
  while (!bytes.empty()) {
    // A full chain is sent only when more comes: a body of exactly kBodyPartBytes stays in memory.
    if (chain_.size() == kBodyPartBytes) {
      if (parts_ == kBodyPartsMax - 1)
        co_return fail(ErrorCode::limit_exceeded, "body of too many parts");
      auto ready = co_await wait_for_parts(kPartsOutstandingMax - 1);
      if (!ready) co_return ready;
      send_part();
    }
    const auto piece = bytes.substr(0, kBodyPartBytes - chain_.size());
    auto appended = chain_.append(piece);
    if (!appended) co_return appended;
    size_ += piece.size();
    bytes.remove_prefix(piece.size());
  }
  co_return Result<void>();
}

void StagedBody::send_part() {
  auto chain = std::exchange(chain_, ByteChain(budget_));
  ++flow_->outstanding;
  auto request = std::make_unique<PartRequest>(shard_, std::move(chain), parts_++, flow_);
  committer_.submit(PartWork{.message = message_, .store = std::move(request)});
}

Task<Result<void>> StagedBody::finish() {
  if (parts_ == 0) co_return Result<void>();
  if (!chain_.empty()) send_part();
  co_return co_await wait_for_parts(0);
}

Task<Result<void>> StagedBody::wait_for_parts(std::size_t outstanding_max) {
  while (flow_->outstanding > outstanding_max) {
    Completion<bool> returned(shard_);
    SLUICE_ASSERT(flow_->waiter == nullptr, "one task fills a body");
    flow_->waiter = &returned;
    co_await returned.wait();
  }
  if (flow_->failure) co_return std::unexpected(*flow_->failure);
  co_return Result<void>();
}

std::shared_ptr<const ByteChain> StagedBody::take() {
  SLUICE_ASSERT(parts_ == 0, "a body in parts does not lie in memory");
  return std::make_shared<const ByteChain>(std::move(chain_));
}

}  // namespace sluice::spool
