#include "relay/shard_part.h"

#include <utility>

#include "core/assert.h"
#include "core/log.h"
#include "core/shard.h"

namespace sluice::relay {
namespace {

std::unique_ptr<Authenticator> make_authenticator(Shard& shard, Logins* logins,
                                                  LoginMetrics& metrics) {
  if (logins == nullptr) return nullptr;
  return std::make_unique<Authenticator>(AuthenticatorParts{.shard = shard,
                                                            .users = *logins->users,
                                                            .remembered = logins->remembered,
                                                            .hashing = logins->hashing,
                                                            .limits = logins->limits,
                                                            .metrics = metrics});
}

}  // namespace

ShardPart::ShardPart(Shard& shard, const RelayParts& relay, SessionRegistry::Link listener)
    : shard_(shard),
      spool_(relay.spool),
      ids_(relay.spool.partition_of(shard.id()), shard.id().value(), shard.random()),
      metrics_(shard.metrics()),
      login_metrics_(shard.metrics()),
      authenticator_(make_authenticator(shard, relay.logins, login_metrics_)),
      dispatcher_(relay.dispatchers->open(shard)),
      reception_{.shard = shard,
                 .policy = relay.policy,
                 .spool = relay.spool,
                 .ids = ids_,
                 .budget = relay.budget,
                 .metrics = metrics_,
                 .users = relay.logins != nullptr ? relay.logins->users.get() : nullptr,
                 .authenticator = authenticator_.get(),
                 .submit =
                     [this](FreshEnvelope envelope) {
                       // Once deliveries stop, what was accepted waits in the spool for the next
                       // start.
                       if (!is_delivery_stopping_) dispatcher_->submit(std::move(envelope));
                     },
                 .signing = relay.signing},
      sessions_(reception_, std::move(listener)),
      scope_(shard.run_queue()),
      left_(shard) {}

ShardPart::~ShardPart() { SLUICE_ASSERT(may_leave_, "a part ends after leave()"); }

Task<void> ShardPart::run() {
  SLUICE_ASSERT(shard_.is_current(), "a part runs on its own shard");
  scope_.spawn(deliver());
  while (!may_leave_) {
    auto told = co_await left_.wait(Deadline::never());
    if (!told) break;  // only leave() ends this task; a cancelled wait means the shard ends
  }
  co_await scope_.join();
}

Task<void> ShardPart::deliver() {
  co_await dispatcher_->run();
  auto flushed = co_await spool_.flush(shard_);
  if (!flushed) SLUICE_LOG(error, "outcomes_not_stored", {"error", flushed.error().sentence()});
  has_delivery_ended_ = true;
}

void ShardPart::stop_sessions(Deadline transactions, Deadline final_dots) {
  SLUICE_ASSERT(shard_.is_current(), "others send letters");
  if (std::exchange(are_sessions_stopping_, true)) return;
  reception_.is_stopping = true;
  scope_.spawn(finish_sessions(transactions, final_dots));
}

Task<void> ShardPart::finish_sessions(Deadline transactions, Deadline final_dots) {
  co_await sessions_.finish(transactions, final_dots);
  have_sessions_ended_ = true;
}

void ShardPart::stop_delivery(Deadline deadline) {
  SLUICE_ASSERT(shard_.is_current(), "others send letters");
  if (std::exchange(is_delivery_stopping_, true)) return;
  dispatcher_->stop(deadline);
}

void ShardPart::hurry() {
  if (are_sessions_stopping_) sessions_.hurry();
  if (is_delivery_stopping_) dispatcher_->stop(Deadline::at(shard_.clock().now()));
}

void ShardPart::leave() {
  SLUICE_ASSERT(have_sessions_ended_, "sessions end first");
  SLUICE_ASSERT(has_delivery_ended_, "deliveries end first");
  may_leave_ = true;
  left_.notify_all();
}

}  // namespace sluice::relay
