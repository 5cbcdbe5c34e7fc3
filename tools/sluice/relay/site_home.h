// SiteHome: the home of one site: its queue, and who is granted what waits there.
//
// It grants what is ready to the shards that asked for it, each in its turn the first, expires what
// ran out of time, and sleeps until something is due. What it grants goes by its owner's functions.
// Whether hosts are in backoff is the shards' matter: who has a connection open sends over it, and
// who has none asks for nothing. Lives on the site's home shard.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "core/event.h"
#include "core/shard.h"
#include "relay/site.h"
#include "relay/site_queue.h"

namespace sluice::relay {

// Shards that have no part of the site yet are asked to help from so many ready envelopes on: each
// part costs memory, and its first message a connection.
inline constexpr std::size_t kHelpWantedFrom = 100;

// Whom the home asks for room.
enum class Helpers : std::uint8_t { those_there, all };

class SiteHome {
 public:
  struct Parts {
    Shard& shard;
    Site& site;
    std::size_t shards;  // of the process
    SiteQueue::IsHeld is_held;
    std::function<void(std::size_t shard, std::vector<QueuedRecord> granted)> grant;
    std::function<void(std::size_t shard, Helpers)> offer_room;
    std::function<void(std::size_t shard)> forget_wants;
    std::function<void(const spool::WaitingEnvelope&)> expire;
    std::function<void()> on_trouble;  // now and then while no host can be had, and mail waits
  };
  explicit SiteHome(Parts parts);

  void push(const QueuedRecord& record, Duration wait);
  void want(std::size_t shard, std::uint32_t count);
  void release_parked();
  void wake() { changed_.notify_all(); }

  // Nothing is granted and nothing ends while it is held.
  void set_held(bool is_held);

  // Until stop().
  Task<void> keep();
  void stop();

  SiteQueue& queue() { return queue_; }
  const SiteQueue& queue() const { return queue_; }

 private:
  Deadline time_to_serve() const;
  void serve();
  void grant();
  void stop_waiting();
  void expire(const std::vector<QueuedRecord>& expired);

  Parts parts_;
  SiteQueue queue_;
  Event changed_;
  std::size_t next_shard_ = 0;  // granted first, in turns
  Instant expiry_checked_at_{0};
  bool is_held_ = false;
  bool is_stopping_ = false;
};

}  // namespace sluice::relay
