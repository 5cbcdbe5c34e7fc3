// ReplyWatchdog: the deadline of the oldest command without a reply (RFC 5321 §4.5.3.2).
//
// With pipelining it is measured from the reply before: the peer works through a flight in order.
// Lives on the shard of its connection.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/assert.h"
#include "core/clock.h"
#include "core/timer_wheel.h"
#include "smtp/transaction_ledger.h"

namespace sluice {
class Shard;
}

namespace sluice::smtp {

struct ClientTimeouts;

class ReplyWatchdog final : private Timer {
 public:
  // `on_late` is told what was not answered. All outlive the watchdog.
  ReplyWatchdog(Shard& shard, const TransactionLedger& ledger, const ClientTimeouts& timeouts,
                std::function<void(CommandKind)> on_late);
  ~ReplyWatchdog() { SLUICE_ASSERT(!is_armed(), "stop() comes first"); }

  // After the ledger changed: starts the time of the reply that is due now, unless it runs.
  void update();
  // The reply to QUIT is waited for until then.
  void set_quit_deadline(Deadline deadline) { quit_deadline_ = deadline; }
  // For good: update() has no effect behind it.
  void stop();

 private:
  void on_timer() noexcept override;
  Deadline deadline_of(CommandKind kind) const;

  Shard& shard_;
  const TransactionLedger& ledger_;
  const ClientTimeouts& timeouts_;
  std::function<void(CommandKind)> on_late_;
  Deadline quit_deadline_ = Deadline::never();
  std::optional<CommandKind> due_;
  std::uint64_t answered_before_ = 0;  // names the reply that the timer stands for
  bool is_stopped_ = false;
};

}  // namespace sluice::smtp
