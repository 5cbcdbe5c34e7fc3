#include "relay/reloader.h"

#include <utility>

#include "core/shard.h"
#include "relay/open_files_plan.h"

namespace sluice::relay {

Reloader::Reloader(Parts parts, std::shared_ptr<const RelayConfig> config,
                   std::shared_ptr<const ReceptionPolicy> policy)
    : parts_(std::move(parts)), config_(std::move(config)), policy_(std::move(policy)) {}

Task<Result<ReloadReport>> Reloader::reload(ReloadMode mode) {
  if (std::exchange(is_busy_, true)) {
    co_return fail(ErrorCode::refused, "another reload is going on: try again in a moment");
  }
  auto report = co_await prepare_and_apply(mode);
  is_busy_ = false;
  if (!report) {
    SLUICE_LOG(error, "reload_refused", {"error", report.error().sentence()},
               {"meaning", "the configuration in force stays as it is"});
    co_return report;
  }
  SLUICE_LOG(info, report->is_applied ? "configuration_reloaded" : "configuration_checked",
             {"changes", report->changes.size()});
  for (const ConfigChange& change : report->changes) {
    SLUICE_LOG(info, "configuration_change", {"key", change.key}, {"before", change.before},
               {"after", change.after}, {"takes_effect", change.is_fixed ? "restart" : "now"});
  }
  co_return report;
}

Task<Result<ReloadReport>> Reloader::prepare_and_apply(ReloadMode mode) {
  OffloadPool worker("reload", 1);
  SLUICE_CO_TRY(wanted, co_await load(worker));
  SLUICE_CO_TRY(fitting, plan_open_files(std::move(wanted)));
  PlannedReload planned = plan_reload(*config_, *fitting);
  if (parts_.logins == nullptr && has_logins(*planned.config)) {
    co_return fail(ErrorCode::unsupported,
                   "no listener had AUTH when the relay started: restart it to let clients log in");
  }
  SLUICE_CO_TRY(policy, ReceptionPolicy::make(planned.config, parts_.tenants, parts_.ticket_keys));
  if (mode == ReloadMode::dry_run) co_return std::move(planned.report);
  SLUICE_CO_TRY(log, co_await prepare_log_of(*planned.config, worker));
  auto applied = co_await apply(planned.config, std::move(policy));
  if (!applied) co_return std::unexpected(std::move(applied).error());
  if (log != nullptr) {
    const std::function<void()> adopt = [log] { adopt_log(log); };
    co_await worker.run(parts_.shard, adopt);
  }
  planned.report.is_applied = true;
  co_return std::move(planned.report);
}

Task<Reloader::Loaded> Reloader::load(OffloadPool& worker) {
  Loaded loaded;
  const std::function<void()> read = [this, &loaded] { loaded = parts_.load(); };
  co_await worker.run(parts_.shard, read);
  co_return loaded;
}

Task<Result<Reloader::NewLog>> Reloader::prepare_log_of(const RelayConfig& config,
                                                        OffloadPool& worker) {
  Result<NewLog> prepared;
  if (config.log == config_->log) co_return prepared;
  const std::function<void()> prepare = [&] { prepared = prepare_log(config.log); };
  co_await worker.run(parts_.shard, prepare);
  if (!prepared) co_return std::unexpected(std::move(prepared).error().within("log.file"));
  co_return prepared;
}

Task<Result<void>> Reloader::apply(std::shared_ptr<const RelayConfig> config,
                                   std::shared_ptr<const ReceptionPolicy> policy) {
  SLUICE_CO_TRY(plan, parts_.dispatchers.plan_for(config));
  auto replaced = replace_users(*config);  // the last that can fail
  if (!replaced) co_return replaced;
  const std::function<bool(ShardPart&)> prepare = [plan](ShardPart& part) {
    part.dispatcher().prepare(plan);
    return true;
  };
  auto prepared = co_await parts_.shards.ask_all(parts_.shard, prepare);
  if (!prepared) co_return std::unexpected(std::move(prepared).error());
  const std::function<bool(ShardPart&)> adopt = [plan, policy](ShardPart& part) {
    part.set_policy(policy);
    part.dispatcher().adopt(plan);
    return true;
  };
  auto adopted = co_await parts_.shards.ask_all(parts_.shard, adopt);
  if (!adopted) co_return std::unexpected(std::move(adopted).error());
  parts_.dispatchers.publish(plan);
  set_limits(*config);
  policy->tell_tenants(parts_.tenants);
  parts_.shards.tell_all(parts_.shard,
                         [](ShardPart& part) { part.dispatcher().release_tenants(); });
  config_ = std::move(config);
  policy_ = std::move(policy);
  co_return Result<void>();
}

void Reloader::set_limits(const RelayConfig& config) {
  parts_.listener.set_limits(config.listeners);
  parts_.memory.set_limit(config.limits.memory);
  parts_.spool.set_disk_free(config.limits.disk_free);
}

Result<void> Reloader::replace_users(const RelayConfig& config) {
  if (parts_.logins == nullptr) return {};
  return parts_.logins->users->replace_configured(config.users);
}

}  // namespace sluice::relay
