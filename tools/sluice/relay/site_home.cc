#include "relay/site_home.h"

#include <algorithm>
#include <utility>

namespace sluice::relay {
namespace {

constexpr Duration kQueueCheck = std::chrono::seconds(60);  // so that no jump of a clock stalls it
constexpr Duration kExpiryCheck = std::chrono::seconds(30);

}  // namespace

SiteHome::SiteHome(Parts parts)
    : parts_(std::move(parts)), queue_(parts_.shards, parts_.is_held), changed_(parts_.shard) {}

void SiteHome::push(const QueuedRecord& record, Duration wait) {
  queue_.push(record, parts_.shard.clock().now(), wait);
}

void SiteHome::want(std::size_t shard, std::uint32_t count) {
  queue_.want(shard, count);
  changed_.notify_all();
}

void SiteHome::release_parked() {
  queue_.release_parked(parts_.shard.clock().now());
  changed_.notify_all();
}

void SiteHome::set_held(bool is_held) {
  is_held_ = is_held;
  if (is_held_) parts_.site.home_waits.store(true);  // nobody sends past what waits here
  changed_.notify_all();
}

void SiteHome::stop() {
  is_stopping_ = true;
  changed_.notify_all();
}

Task<void> SiteHome::keep() {
  while (!is_stopping_) {
    if (!is_held_) serve();
    const Deadline deadline = time_to_serve();
    auto woken = co_await changed_.wait(deadline);
    if (!woken && woken.error().code() == ErrorCode::cancelled) co_return;
  }
}

Deadline SiteHome::time_to_serve() const {
  if (is_held_) return Deadline::never();  // set_held() wakes the task
  const Instant now = parts_.shard.clock().now();
  Instant next = std::min(queue_.next(now), now + kQueueCheck);
  const Instant backoff = parts_.site.backoff_until(now);
  if (queue_.has_ready()) next = std::min(next, backoff);
  const bool may_expire = queue_.has_ready() || queue_.has_parked();
  if (may_expire) next = std::min(next, now + kExpiryCheck);
  return Deadline::at(std::max(next, now + std::chrono::milliseconds(1)));
}

void SiteHome::serve() {
  const Instant now = parts_.shard.clock().now();
  const WallTime wall = parts_.shard.clock().wall();
  expire(queue_.advance(now, wall));
  if (expiry_checked_at_ + kExpiryCheck <= now) {  // it looks at all that waits
    expiry_checked_at_ = now;
    expire(queue_.take_expired(wall));
    const bool is_in_trouble = parts_.site.backoff_until(now) != Instant::far_future();
    if (is_in_trouble && queue_.has_ready()) parts_.on_trouble();
  }
  grant();
  if (!queue_.has_ready()) return stop_waiting();
  // The flag first, then the question: whoever frees a slot after this sees the flag.
  parts_.site.home_waits.store(true);
  const auto helpers =
      queue_.ready_count() >= kHelpWantedFrom ? Helpers::all : Helpers::those_there;
  for (std::size_t shard = 0; shard < parts_.shards; ++shard) parts_.offer_room(shard, helpers);
}

void SiteHome::grant() {
  const std::size_t first = std::exchange(next_shard_, (next_shard_ + 1) % parts_.shards);
  for (std::size_t i = 0; i < parts_.shards && queue_.has_ready(); ++i) {
    const std::size_t shard = (first + i) % parts_.shards;
    Granted granted = queue_.grant(shard, parts_.shard.clock().now(), parts_.shard.clock().wall());
    expire(granted.expired);
    if (!granted.envelopes.empty()) parts_.grant(shard, std::move(granted.envelopes));
  }
}

// Nothing is ready: fresh envelopes may go out at once again, and no shard has asked for anything.
void SiteHome::stop_waiting() {
  if (!parts_.site.home_waits.exchange(false)) return;
  queue_.forget_wants();
  for (std::size_t shard = 0; shard < parts_.shards; ++shard) parts_.forget_wants(shard);
}

void SiteHome::expire(const std::vector<QueuedRecord>& expired) {
  for (const QueuedRecord& record : expired) parts_.expire(record.waiting);
}

}  // namespace sluice::relay
