#include "relay/tenant.h"

#include <algorithm>
#include <vector>

#include "core/assert.h"

namespace sluice::relay {

bool is_valid_tenant_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= kTenantNameBytesMax &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string_view name_of(TenantPart part) {
  return part == TenantPart::reception ? "reception" : "delivery";
}

std::string Tenant::campaign(const std::string& asked, WallTime now) {
  if (asked.empty()) return asked;
  const std::lock_guard lock(campaigns_mutex_);
  const auto known = campaigns_.find(asked);
  if (known != campaigns_.end()) {
    known->second = now;
    return asked;
  }
  if (campaigns_.size() >= kCampaignsMax) {
    std::erase_if(campaigns_,
                  [now](const auto& entry) { return entry.second + kCampaignIdleMax <= now; });
  }
  if (campaigns_.size() >= kCampaignsMax) return std::string(kOtherCampaigns);
  campaigns_.emplace(asked, now);
  return asked;
}

Tenant& TenantRegistry::tenant(std::string_view name) {
  SLUICE_ASSERT(!name.empty(), "mail without a tenant has no Tenant");
  const std::lock_guard lock(mutex_);
  auto& tenant = tenants_[std::string(name)];
  if (tenant == nullptr) tenant = std::make_unique<Tenant>(std::string(name));
  return *tenant;
}

Tenant* TenantRegistry::find(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(std::string(name));
  return found == tenants_.end() ? nullptr : found->second.get();
}

bool TenantRegistry::may_all_deliver() {
  const std::lock_guard lock(mutex_);
  return std::ranges::all_of(tenants_,
                             [](const auto& entry) { return entry.second->may_deliver(); });
}

void TenantRegistry::for_each(const std::function<void(Tenant&)>& visit) {
  std::vector<Tenant*> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, tenant] : tenants_) all.push_back(tenant.get());
  }
  std::ranges::sort(all, {},
                    [](const Tenant* tenant) -> const std::string& { return tenant->name(); });
  for (Tenant* const tenant : all) visit(*tenant);
}

}  // namespace sluice::relay
