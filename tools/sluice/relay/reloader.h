// Reloader: takes a new configuration over while the relay runs.
//
// The files are read by a worker, since that may block; it opens another log, too. Everything that
// can fail is made before anything changes: certificates, users, the plan of routes. Then sessions
// that begin go by the new policy, envelopes by the new routes; sessions in progress end under the
// old one. A wrong file changes nothing. One reload at a time. Lives on shard 0.
#pragma once

#include <functional>
#include <memory>

#include "core/log.h"
#include "core/offload_pool.h"
#include "core/task.h"
#include "relay/config_reload.h"
#include "relay/listener.h"
#include "relay/logins.h"
#include "relay/memory_budgets.h"
#include "relay/reception_policy.h"
#include "relay/shard_parts.h"
#include "relay/tenant.h"

namespace sluice::relay {

enum class ReloadMode : std::uint8_t { apply, dry_run };

class Reloader {
 public:
  struct Parts {
    Shard& shard;
    ShardParts& shards;
    DispatcherGroup& dispatchers;
    Listener& listener;
    TenantRegistry& tenants;
    MemoryBudgets& memory;
    spool::Spool& spool;
    Logins* logins;  // null: no listener had AUTH at the start
    std::shared_ptr<tls::TicketKeys> ticket_keys;
    std::function<Result<std::shared_ptr<const RelayConfig>>()> load;  // on a worker
  };
  Reloader(Parts parts, std::shared_ptr<const RelayConfig> config,
           std::shared_ptr<const ReceptionPolicy> policy);

  // refused: another reload is going on. Else what is wrong with the files.
  Task<Result<ReloadReport>> reload(ReloadMode mode);

  const std::shared_ptr<const ReceptionPolicy>& policy() const { return policy_; }

 private:
  using Loaded = Result<std::shared_ptr<const RelayConfig>>;
  using NewLog = std::shared_ptr<PreparedLog>;  // null: the log stays as it is
  Task<Result<ReloadReport>> prepare_and_apply(ReloadMode mode);
  Task<Loaded> load(OffloadPool& worker);
  Task<Result<NewLog>> prepare_log_of(const RelayConfig& config, OffloadPool& worker);
  Task<Result<void>> apply(std::shared_ptr<const RelayConfig> config,
                           std::shared_ptr<const ReceptionPolicy> policy);
  void set_limits(const RelayConfig& config);
  Result<void> replace_users(const RelayConfig& config);

  Parts parts_;
  std::shared_ptr<const RelayConfig> config_;
  std::shared_ptr<const ReceptionPolicy> policy_;
  bool is_busy_ = false;
};

}  // namespace sluice::relay
