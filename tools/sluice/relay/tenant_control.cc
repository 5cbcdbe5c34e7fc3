#include "relay/tenant_control.h"

#include <fmt/format.h>

#include <utility>

#include "core/log.h"
#include "core/shard.h"

namespace sluice::relay {
namespace {

constexpr std::string_view kSuspension = "suspended:";

}  // namespace

std::string suspension_entry(TenantPart part, std::string_view tenant) {
  return fmt::format("{}{}:{}", kSuspension, name_of(part), tenant);
}

void restore_suspensions(const std::vector<spool::LedgerEntry>& ledger, TenantRegistry& tenants) {
  for (const spool::LedgerEntry& entry : ledger) {
    for (const TenantPart part : {TenantPart::reception, TenantPart::delivery}) {
      const std::string prefix = suspension_entry(part, {});
      if (!entry.name.starts_with(prefix) || entry.amount == 0) continue;
      tenants.tenant(entry.name.substr(prefix.size())).set_suspended(part, true);
    }
  }
}

void restore_quotas(const std::vector<spool::LedgerEntry>& ledger, TenantRegistry& tenants) {
  for (const spool::LedgerEntry& entry : ledger) {
    const auto quota = parse_quota_entry(entry.name);
    if (quota) tenants.tenant(quota->tenant).usage.accepted.restore(quota->day, entry.amount);
  }
}

std::vector<TenantRow> TenantControl::list() const {
  std::vector<TenantRow> rows;
  parts_.tenants.for_each([&](Tenant& tenant) { rows.push_back(row_of(tenant)); });
  return rows;
}

Result<TenantRow> TenantControl::show(const std::string& name) const {
  SLUICE_TRY(tenant, find(name));
  return row_of(*tenant);
}

TenantRow TenantControl::row_of(Tenant& tenant) const {
  const auto policy = parts_.policy();
  const TenantEntry* const entry = policy->tenant(tenant.name());
  return TenantRow{
      .name = tenant.name(),
      .limits = entry != nullptr ? std::optional(entry->settings) : std::nullopt,
      .accepted_today = tenant.usage.accepted.used(day_of(parts_.shard.clock().wall())),
      .queued = tenant.usage.queued.envelopes(),
      .queued_bytes = tenant.usage.queued.bytes(),
      .is_reception_suspended = tenant.is_suspended(TenantPart::reception),
      .is_delivery_suspended = tenant.is_suspended(TenantPart::delivery)};
}

Result<Tenant*> TenantControl::find(const std::string& name) const {
  if (Tenant* const tenant = parts_.tenants.find(name)) return tenant;
  return fail(ErrorCode::not_found,
              fmt::format("there is no tenant \"{}\": no [[tenant]] has that name, and nothing of "
                          "it is queued",
                          name));
}

Task<Result<void>> TenantControl::suspend(std::string name, TenantPart part) {
  SLUICE_CO_TRY(tenant, find(name));
  tenant->set_suspended(part, true);  // at once, whatever the disk takes
  SLUICE_LOG(warning, "tenant_suspended", {"tenant", name}, {"part", name_of(part)});
  co_return co_await keep(*tenant, part, true);
}

Task<Result<void>> TenantControl::resume(std::string name, TenantPart part) {
  SLUICE_CO_TRY(tenant, find(name));
  auto kept = co_await keep(*tenant, part, false);
  if (!kept) co_return std::unexpected(std::move(kept).error());
  tenant->set_suspended(part, false);
  SLUICE_LOG(info, "tenant_resumed", {"tenant", name}, {"part", name_of(part)});
  if (part == TenantPart::delivery) {
    parts_.shards.tell_all(parts_.shard,
                           [](ShardPart& there) { there.dispatcher().release_tenants(); });
  }
  co_return Result<void>();
}

Task<Result<void>> TenantControl::keep(Tenant& tenant, TenantPart part, bool is_suspended) {
  spool::LedgerEntry entry{.name = suspension_entry(part, tenant.name()),
                           .amount = is_suspended ? 1U : 0U,
                           .expiry = spool::kNeverExpires};
  co_return co_await parts_.spool.set_ledger(parts_.shard, std::move(entry));
}

}  // namespace sluice::relay
