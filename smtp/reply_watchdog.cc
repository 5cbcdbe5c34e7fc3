#include "smtp/reply_watchdog.h"

#include <utility>

#include "core/shard.h"
#include "smtp/client_session.h"

namespace sluice::smtp {

ReplyWatchdog::ReplyWatchdog(Shard& shard, const TransactionLedger& ledger,
                             const ClientTimeouts& timeouts,
                             std::function<void(CommandKind)> on_late)
    : shard_(shard), ledger_(ledger), timeouts_(timeouts), on_late_(std::move(on_late)) {}

void ReplyWatchdog::update() {
  if (is_stopped_) return;
  const auto due = ledger_.due();
  if (due == due_ && ledger_.answered() == answered_before_) return;
  due_ = due;
  answered_before_ = ledger_.answered();
  if (due) {
    shard_.timers().arm(*this, deadline_of(*due).instant());
  } else {
    shard_.timers().disarm(*this);
  }
}

void ReplyWatchdog::stop() {
  is_stopped_ = true;
  shard_.timers().disarm(*this);
}

void ReplyWatchdog::on_timer() noexcept {
  SLUICE_ASSERT(due_.has_value(), "the timer runs while a reply is due");
  on_late_(*due_);
}

Deadline ReplyWatchdog::deadline_of(CommandKind kind) const {
  const bool is_end = kind == CommandKind::end || kind == CommandKind::lone_dot;
  const auto limit = Deadline::in(shard_.clock(), is_end ? timeouts_.final : timeouts_.command);
  return kind == CommandKind::quit ? earlier(limit, quit_deadline_) : limit;
}

}  // namespace sluice::smtp
