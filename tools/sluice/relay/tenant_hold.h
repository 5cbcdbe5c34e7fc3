// TenantHold: what one transaction has taken of its tenant's limits. What is not kept is given
// back.
//
// Recipients count against the quota of the day when they are accepted, the waiting envelopes when
// the message is complete. Kept, the first stand in the spool's ledger, by the commit of the
// message; the second until each envelope ends. Lives in a session's transaction.
#pragma once

#include <cstdint>
#include <optional>

#include "core/clock.h"
#include "relay/config.h"
#include "relay/tenant.h"
#include "spool/spool.h"

namespace sluice::relay {

class TenantHold {
 public:
  // `tenant` outlives it.
  TenantHold(Tenant& tenant, const TenantSettings& limits);
  TenantHold(TenantHold&& other) noexcept;
  TenantHold& operator=(TenantHold&&) = delete;
  ~TenantHold();

  // False: the quota is used up.
  [[nodiscard]] bool take_recipient(WallTime now);
  // The recipient was not accepted after all.
  void give_back_recipient();
  // False: too much of the tenant waits already.
  [[nodiscard]] bool take_queued(std::uint64_t envelopes, std::uint64_t bytes);

  // What the ledger counts for this message; nothing for a tenant without a quota.
  std::optional<spool::LedgerEntry> ledger_entry() const;

  // The message is durable: nothing is given back here.
  void keep() { tenant_ = nullptr; }

 private:
  Tenant* tenant_;  // null: kept, or moved from
  std::optional<std::uint64_t> quota_;
  std::uint64_t envelopes_max_;
  std::uint64_t bytes_max_;
  Day day_ = 0;
  std::uint64_t recipients_ = 0;
  std::uint64_t envelopes_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace sluice::relay
