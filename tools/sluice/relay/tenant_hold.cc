#include "relay/tenant_hold.h"

#include <utility>

#include "core/assert.h"

namespace sluice::relay {

TenantHold::TenantHold(Tenant& tenant, const TenantSettings& limits)
    : tenant_(&tenant), envelopes_max_(limits.queued), bytes_max_(limits.queued_size.value()) {
  if (limits.quota) quota_ = limits.quota->amount;
}

TenantHold::TenantHold(TenantHold&& other) noexcept
    : tenant_(std::exchange(other.tenant_, nullptr)),
      quota_(other.quota_),
      envelopes_max_(other.envelopes_max_),
      bytes_max_(other.bytes_max_),
      day_(other.day_),
      recipients_(other.recipients_),
      envelopes_(other.envelopes_),
      bytes_(other.bytes_) {}

TenantHold::~TenantHold() {
  if (tenant_ == nullptr) return;
  if (recipients_ > 0) tenant_->usage.accepted.give_back(day_, recipients_);
  if (envelopes_ > 0) tenant_->usage.queued.give_back(envelopes_, bytes_);
}

// A transaction that lasts past midnight counts on the day on which it began.
bool TenantHold::take_recipient(WallTime now) {
  SLUICE_ASSERT(tenant_ != nullptr, "recipients come before the end");
  DayCounter& accepted = tenant_->usage.accepted;
  if (recipients_ == 0) day_ = accepted.day(day_of(now));
  if (!accepted.try_take(day_, 1, quota_.value_or(UINT64_MAX))) return false;
  ++recipients_;
  return true;
}

void TenantHold::give_back_recipient() {
  SLUICE_ASSERT(recipients_ > 0, "one was taken");
  tenant_->usage.accepted.give_back(day_, 1);
  --recipients_;
}

bool TenantHold::take_queued(std::uint64_t envelopes, std::uint64_t bytes) {
  SLUICE_ASSERT(tenant_ != nullptr, "a message ends once");
  SLUICE_ASSERT(envelopes_ == 0, "a message ends once");
  if (!tenant_->usage.queued.try_take(envelopes, bytes, envelopes_max_, bytes_max_)) return false;
  envelopes_ = envelopes;
  bytes_ = bytes;
  return true;
}

std::optional<spool::LedgerEntry> TenantHold::ledger_entry() const {
  SLUICE_ASSERT(tenant_ != nullptr, "asked before it is kept");
  if (recipients_ == 0) return std::nullopt;
  // Kept for a day more, so that a clock that jumps back finds it.
  return spool::LedgerEntry{.name = quota_entry(tenant_->name(), day_),
                            .amount = recipients_,
                            .expiry = start_of(day_ + 2)};
}

}  // namespace sluice::relay
