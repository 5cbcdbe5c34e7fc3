// ShardPart: what the relay has on one shard: its sessions, its dispatcher, and how they end.
//
// It is made, used and ended on its shard's thread; others reach it through ShardParts.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "core/event.h"
#include "core/task_scope.h"
#include "relay/dispatcher.h"
#include "relay/logins.h"
#include "relay/reception.h"
#include "relay/session_registry.h"
#include "spool/spool.h"

namespace sluice::relay {

// What every shard is given. Outlives the shards.
struct RelayParts {
  std::shared_ptr<const ReceptionPolicy> policy;  // at the start
  spool::Spool& spool;
  MemoryBudget& budget;  // of bodies in reception
  std::shared_ptr<DispatcherGroup> dispatchers;
  Logins* logins = nullptr;  // null: nobody can log in
  OffloadPool* signing = nullptr;
};

class ShardPart {
 public:
  ShardPart(Shard& shard, const RelayParts& relay, SessionRegistry::Link listener);
  ~ShardPart();

  // The shard's main task: delivers until stop_delivery(), then waits for leave().
  Task<void> run();

  // Sessions that begin from now on go by it.
  void set_policy(std::shared_ptr<const ReceptionPolicy> policy) {
    reception_.policy = std::move(policy);
  }

  SessionRegistry& sessions() { return sessions_; }
  Dispatcher& dispatcher() { return *dispatcher_; }
  Shard& shard() { return shard_; }

  // Sessions end after their transactions, at the deadlines at the latest; deliveries likewise.
  void stop_sessions(Deadline transactions, Deadline final_dots);
  void stop_delivery(Deadline deadline);
  // Cuts what the two still wait for.
  void hurry();
  // Lets run() return, once sessions and deliveries have ended on every shard.
  void leave();

  bool have_sessions_ended() const { return have_sessions_ended_; }
  bool has_delivery_ended() const { return has_delivery_ended_; }

 private:
  Task<void> finish_sessions(Deadline transactions, Deadline final_dots);
  Task<void> deliver();

  Shard& shard_;
  spool::Spool& spool_;
  spool::MessageIdSource ids_;
  ReceptionMetrics metrics_;
  LoginMetrics login_metrics_;
  std::unique_ptr<Authenticator> authenticator_;  // null: nobody can log in
  std::unique_ptr<Dispatcher> dispatcher_;
  ReceptionParts reception_;
  SessionRegistry sessions_;
  TaskScope scope_;
  Event left_;
  bool are_sessions_stopping_ = false;
  bool have_sessions_ended_ = false;
  bool is_delivery_stopping_ = false;
  bool has_delivery_ended_ = false;
  bool may_leave_ = false;
};

}  // namespace sluice::relay
