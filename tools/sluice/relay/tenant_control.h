// TenantControl: what an operator sees of the tenants, and how one is suspended and resumed.
//
// A suspension is durable before it is answered, and bites at once: sessions ask at each command,
// the queues at each grant. Lives on shard 0.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/task.h"
#include "relay/reception_policy.h"
#include "relay/shard_parts.h"
#include "relay/tenant.h"
#include "spool/spool.h"

namespace sluice::relay {

// One row of `sluice tenant list`.
struct TenantRow {
  std::string name;
  std::optional<TenantSettings> limits;  // none: it has left the configuration
  std::uint64_t accepted_today = 0;      // recipients
  std::uint64_t queued = 0;              // envelopes
  std::uint64_t queued_bytes = 0;
  bool is_reception_suspended = false;
  bool is_delivery_suspended = false;
};

// The entry of the ledger that keeps a suspension over restarts.
std::string suspension_entry(TenantPart part, std::string_view tenant);
// Applies what an earlier life of the process suspended.
void restore_suspensions(const std::vector<spool::LedgerEntry>& ledger, TenantRegistry& tenants);

// Puts in what the days of the ledger had counted.
void restore_quotas(const std::vector<spool::LedgerEntry>& ledger, TenantRegistry& tenants);

class TenantControl {
 public:
  struct Parts {
    Shard& shard;
    ShardParts& shards;
    spool::Spool& spool;
    TenantRegistry& tenants;
    std::function<std::shared_ptr<const ReceptionPolicy>()> policy;  // the one in force
  };
  explicit TenantControl(Parts parts) : parts_(std::move(parts)) {}

  std::vector<TenantRow> list() const;
  Result<TenantRow> show(const std::string& name) const;

  // not_found when nobody has that name, neither in the configuration nor in the queues.
  Task<Result<void>> suspend(std::string name, TenantPart part);
  Task<Result<void>> resume(std::string name, TenantPart part);

 private:
  TenantRow row_of(Tenant& tenant) const;
  Result<Tenant*> find(const std::string& name) const;
  Task<Result<void>> keep(Tenant& tenant, TenantPart part, bool is_suspended);

  Parts parts_;
};

}  // namespace sluice::relay
