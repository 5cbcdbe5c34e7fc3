// Lifecycle: what the whole relay is doing: starting, running, draining, stopping.
//
// It leads all shards through the end in order: stop accepting; let transactions finish; with a
// drain, deliver until nothing is queued; stop deliveries; make outcomes durable; leave. Deadlines
// bound each step, because a peer may be slow; a second request to stop cuts what is left.
// Lives on shard 0.
#pragma once

#include <cstdint>
#include <functional>

#include "core/event.h"
#include "core/task.h"
#include "relay/listener.h"
#include "relay/shard_parts.h"

namespace sluice::relay {

// A transaction in progress may finish for this long.
inline constexpr Duration kTransactionsMax = std::chrono::seconds(10);
// Those past the final dot, on either side, for this long: cutting them makes duplicates.
inline constexpr Duration kFinalDotsMax = std::chrono::seconds(30);

enum class Phase : std::uint8_t { starting, running, draining, stopping };
std::string_view name_of(Phase phase);

// How far a drain is.
struct DrainProgress {
  Phase phase = Phase::starting;
  std::uint64_t recipients_queued = 0;
  std::uint64_t recipients_held_back = 0;  // of them; a drain does not wait for these (HeldBack)
  bool is_over = false;
};

class Lifecycle {
 public:
  Lifecycle(Shard& shard, ShardParts& parts, spool::Spool& spool, Listener& listener);

  // From shard 0, once for every shard.
  void on_part_opened();

  // From shard 0: a graceful stop; asked again, a hurried one.
  void request_stop();
  // Before the parts open, and while nothing was released: mail is taken and queued, none is sent.
  void hold_delivery() { is_delivery_held_ = true; }
  bool is_delivery_held() const { return is_delivery_held_; }
  // From shard 0: what was held goes out.
  void release_delivery();

  // From shard 0: deliver what is queued, until the deadline, then stop. What no route fits is
  // left. Not while delivery is held.
  void request_drain(Deadline deadline);

  // What others do on the way: when every part is open, when the stop begins, when it is over.
  struct Steps {
    std::function<void()> on_open;
    std::function<void()> on_stopping;
    std::function<Task<void>()> before_leaving;
  };
  // Waits for a request and leads to the end. When it returns every shard was told to leave.
  Task<void> run(Steps steps);

  DrainProgress progress() const;
  // Until something changes; timed_out at the deadline, cancelled when the task is.
  Task<Result<void>> wait_for_change(Deadline deadline) { return changed_.wait(deadline); }

 private:
  Task<void> wait_for_parts();
  Task<void> wait_for_request();
  Task<void> drain();
  Task<void> stop_sessions();
  Task<void> stop_delivery();
  using HasEnded = std::function<bool(ShardPart&)>;
  Task<void> wait_until(HasEnded has_ended, Deadline give_up_at);
  Task<bool> is_everything_delivered();
  void enter(Phase phase);
  Deadline deadline_in(Duration duration) const;

  Shard& shard_;
  ShardParts& parts_;
  spool::Spool& spool_;
  Listener& listener_;
  Event changed_;
  Phase phase_ = Phase::starting;
  std::size_t parts_opened_ = 0;
  bool is_stop_requested_ = false;
  bool is_hurried_ = false;
  bool is_drain_requested_ = false;
  bool is_over_ = false;
  std::uint64_t recipients_held_back_ = 0;
  bool is_delivery_held_ = false;
  Deadline drain_deadline_ = Deadline::never();
};

}  // namespace sluice::relay
