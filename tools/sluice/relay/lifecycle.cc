#include "relay/lifecycle.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/assert.h"
#include "core/log.h"
#include "core/shard.h"

namespace sluice::relay {
namespace {

// How often the end of sessions and deliveries, and the progress of a drain, is looked for.
constexpr Duration kLookAgain = std::chrono::milliseconds(5);
constexpr Duration kDrainLookAgain = std::chrono::milliseconds(100);

// What waits for a dead disk or a stuck shard cannot be ended in order. What was promised is on
// disk; what was not recorded is attempted again.
[[noreturn]] void give_up() {
  SLUICE_LOG(error, "stop_gave_up",
             {"meaning", "messages in flight may be sent again after the next start"});
  close_log();
  std::_Exit(EXIT_FAILURE);
}

// What a drain may still wait for.
struct Left {
  std::uint64_t pending = 0;
  HeldBack held_back;
};

}  // namespace

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::starting:
      return "starting";
    case Phase::running:
      return "running";
    case Phase::draining:
      return "draining";
    case Phase::stopping:
      return "stopping";
  }
  return "unknown";
}

Lifecycle::Lifecycle(Shard& shard, ShardParts& parts, spool::Spool& spool, Listener& listener)
    : shard_(shard), parts_(parts), spool_(spool), listener_(listener), changed_(shard) {}

void Lifecycle::on_part_opened() {
  SLUICE_ASSERT(parts_opened_ < parts_.size(), "each part opens once");
  ++parts_opened_;
  changed_.notify_all();
}

void Lifecycle::request_stop() {
  if (std::exchange(is_stop_requested_, true) && !std::exchange(is_hurried_, true)) {
    SLUICE_LOG(warning, "relay_hurries");
    const bool is_ending = phase_ == Phase::draining || phase_ == Phase::stopping;
    if (is_ending) parts_.tell_all(shard_, [](ShardPart& part) { part.hurry(); });
  }
  changed_.notify_all();
}

void Lifecycle::release_delivery() {
  if (!std::exchange(is_delivery_held_, false)) return;
  SLUICE_LOG(info, "delivery_released");
  parts_.tell_all(shard_, [](ShardPart& part) { part.dispatcher().release(); });
}

void Lifecycle::request_drain(Deadline deadline) {
  SLUICE_ASSERT(!is_delivery_held_, "a drain delivers, or it never ends");
  is_drain_requested_ = true;
  drain_deadline_ = deadline;
  changed_.notify_all();
}

Task<void> Lifecycle::run(Steps steps) {
  SLUICE_ASSERT(shard_.is_current(), "the lifecycle lives on shard 0");
  co_await wait_for_parts();
  steps.on_open();
  enter(Phase::running);
  co_await wait_for_request();
  co_await listener_.stop();
  if (!is_stop_requested_) co_await drain();
  enter(Phase::stopping);
  steps.on_stopping();
  co_await stop_delivery();
  is_over_ = true;
  changed_.notify_all();
  co_await steps.before_leaving();
  parts_.tell_all(shard_, [](ShardPart& part) { part.leave(); });
}

Task<void> Lifecycle::wait_for_parts() {
  while (parts_opened_ < parts_.size()) {
    auto told = co_await changed_.wait(Deadline::never());
    SLUICE_ASSERT(told.has_value(), "nobody cancels the lifecycle");
  }
}

Task<void> Lifecycle::wait_for_request() {
  while (!is_stop_requested_ && !is_drain_requested_) {
    auto told = co_await changed_.wait(Deadline::never());
    SLUICE_ASSERT(told.has_value(), "nobody cancels the lifecycle");
  }
}

Task<void> Lifecycle::drain() {
  enter(Phase::draining);
  co_await stop_sessions();
  while (!is_stop_requested_ && !drain_deadline_.has_passed(shard_.clock().now())) {
    if (co_await is_everything_delivered()) co_return;
    const Deadline look_again = earlier(deadline_in(kDrainLookAgain), drain_deadline_);
    auto changed = co_await wait_for_change(look_again);
    static_cast<void>(changed);  // in time or not, the loop looks for itself
  }
}

// Everything but what is held back, which no waiting delivers.
Task<bool> Lifecycle::is_everything_delivered() {
  const std::function<Left(ShardPart&)> count_left = [](ShardPart& part) {
    return Left{.pending = part.dispatcher().pending(), .held_back = part.dispatcher().held_back()};
  };
  auto left = co_await parts_.ask_all(shard_, count_left);
  if (!left) co_return false;
  Left sum;
  for (const Left& part : *left) {
    sum.pending += part.pending;
    sum.held_back.envelopes += part.held_back.envelopes;
    sum.held_back.recipients += part.held_back.recipients;
  }
  recipients_held_back_ = sum.held_back.recipients;
  const bool is_over = spool_.accounting().queued <= sum.held_back.recipients &&
                       sum.pending <= sum.held_back.envelopes;
  if (is_over && sum.held_back.recipients > 0) {
    SLUICE_LOG(warning, "drain_leaves_recipients", {"recipients", sum.held_back.recipients},
               {"reason", "no route, or a tenant that may not deliver"},
               {"meaning", "they wait in the spool for a start with one"});
  }
  co_return is_over;
}

// Each shard cuts its sessions at their deadlines; only a commit that never ends is given up.
Task<void> Lifecycle::stop_sessions() {
  const Deadline transactions = deadline_in(kTransactionsMax);
  const Deadline final_dots = deadline_in(kFinalDotsMax);
  parts_.tell_all(shard_, [transactions, final_dots](ShardPart& part) {
    part.stop_sessions(transactions, final_dots);
  });
  if (is_hurried_) parts_.tell_all(shard_, [](ShardPart& part) { part.hurry(); });
  const Deadline give_up_at = deadline_in(kTransactionsMax + kFinalDotsMax);
  const HasEnded have_ended = [](ShardPart& part) { return part.have_sessions_ended(); };
  co_await wait_until(have_ended, give_up_at);
}

Task<void> Lifecycle::stop_delivery() {
  const Deadline deliveries = deadline_in(kFinalDotsMax);
  parts_.tell_all(shard_, [deliveries](ShardPart& part) { part.stop_delivery(deliveries); });
  co_await stop_sessions();
  const Deadline give_up_at = deadline_in(kTransactionsMax + kFinalDotsMax);
  const HasEnded has_ended = [](ShardPart& part) { return part.has_delivery_ended(); };
  co_await wait_until(has_ended, give_up_at);
}

Task<void> Lifecycle::wait_until(HasEnded has_ended, Deadline give_up_at) {
  for (;;) {
    auto ended = co_await parts_.ask_all(shard_, has_ended);
    SLUICE_ASSERT(ended.has_value(), "nobody cancels the lifecycle");
    if (std::ranges::all_of(*ended, std::identity())) co_return;
    if (give_up_at.has_passed(shard_.clock().now())) give_up();
    const Deadline look_again = deadline_in(kLookAgain);
    auto slept = co_await sleep_until(shard_, look_again);
    SLUICE_ASSERT(slept.has_value(), "nobody cancels the lifecycle");
  }
}

DrainProgress Lifecycle::progress() const {
  return DrainProgress{.phase = phase_,
                       .recipients_queued = spool_.accounting().queued,
                       .recipients_held_back = recipients_held_back_,
                       .is_over = is_over_};
}

void Lifecycle::enter(Phase phase) {
  phase_ = phase;
  SLUICE_LOG(info, "relay_phase", {"phase", name_of(phase)});
  changed_.notify_all();
}

Deadline Lifecycle::deadline_in(Duration duration) const {
  return Deadline::in(shard_.clock(), duration);
}

}  // namespace sluice::relay
