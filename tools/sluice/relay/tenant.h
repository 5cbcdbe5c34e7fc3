// Tenant: a customer of the node while the relay runs: what it uses, and what an operator
// suspended.
//
// The limits of a tenant are the configuration's; what counts against them outlives a reload and
// stands here. Tenants are made under a mutex when somebody first names them, found again by
// pointer, and stay until the process ends; their number is bounded by the configuration and by
// the queue names of the spool. Everything else is atomic, for any thread.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "relay/tenant_usage.h"

namespace sluice::relay {

inline constexpr std::size_t kTenantNameBytesMax = 64;
inline constexpr std::size_t kCampaignsMax = 1000;
inline constexpr Duration kCampaignIdleMax = std::chrono::hours(24);
inline constexpr std::string_view kOtherCampaigns = "other";

// Letters, digits, dots, hyphens and underscores: a tenant's name is part of queue names.
bool is_valid_tenant_name(std::string_view name);

// What an operator can suspend.
enum class TenantPart : std::uint8_t { reception, delivery };
std::string_view name_of(TenantPart part);

class Tenant {
 public:
  explicit Tenant(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  TenantUsage usage;

  bool is_suspended(TenantPart part) const { return suspended_[index(part)].load(); }
  void set_suspended(TenantPart part, bool is_suspended) {
    suspended_[index(part)].store(is_suspended);
  }

  // Whether the configuration in force has a [[tenant]] of this name. Mail of one that vanished is
  // held, never lost.
  bool is_configured() const { return is_configured_.load(); }
  void set_configured(bool is_configured) { is_configured_.store(is_configured); }

  // The campaign under which a message is queued: the one asked for, or "other" when the tenant has
  // kCampaignsMax of them alive. One that nobody has used for kCampaignIdleMax is not. Any thread.
  std::string campaign(const std::string& asked, WallTime now);

  bool may_deliver() const { return is_configured() && !is_suspended(TenantPart::delivery); }

 private:
  static std::size_t index(TenantPart part) { return static_cast<std::size_t>(part); }

  std::string name_;
  std::array<std::atomic<bool>, 2> suspended_{};
  std::atomic<bool> is_configured_{false};
  std::mutex campaigns_mutex_;
  std::unordered_map<std::string, WallTime> campaigns_;  // when each was last used
};

class TenantRegistry {
 public:
  // Made when nobody named it before.
  Tenant& tenant(std::string_view name);
  Tenant* find(std::string_view name);  // null: never named

  // Whether no tenant's mail is held. It looks at every tenant.
  bool may_all_deliver();

  // In the order of their names; tenants that arrive meanwhile may be missing.
  void for_each(const std::function<void(Tenant&)>& visit);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<Tenant>> tenants_;
};

}  // namespace sluice::relay
