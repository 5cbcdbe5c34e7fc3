// Site: what every shard shares about one route: its limit of connections, the state of its smart
// hosts, and whether envelopes wait at its home.
//
// The cell of connections is the one thing on the hot path: an atomic counter. Host states change
// when a connection opens or fails, under a mutex.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "relay/config.h"

namespace sluice::relay {

// A limit of the node: a counter with a ceiling, on a cache line of its own.
class alignas(64) LimitCell {
 public:
  explicit LimitCell(std::uint32_t limit) : limit_(limit) {}

  // Never exceeds the limit, however many shards ask at once.
  [[nodiscard]] bool try_acquire() {
    std::uint32_t used = used_.load();
    while (used < limit_) {
      if (used_.compare_exchange_weak(used, used + 1)) return true;
    }
    return false;
  }
  void release() { used_.fetch_sub(1); }
  bool has_room() const { return used_.load() < limit_; }
  std::uint32_t used() const { return used_.load(); }

 private:
  std::atomic<std::uint32_t> used_{0};
  std::uint32_t limit_;
};

inline constexpr Duration kHostRetryFirst = std::chrono::seconds(1);
inline constexpr Duration kHostRetryMax = std::chrono::seconds(60);

class Site {
 public:
  Site(std::string name, std::vector<SmartHost> hosts, std::uint32_t connections, ShardId home)
      : connections_(connections), name_(std::move(name)), home_(home) {
    for (SmartHost& host : hosts) hosts_.push_back(Host{.address = std::move(host)});
  }

  const std::string& name() const { return name_; }
  ShardId home() const { return home_; }
  LimitCell& connections() { return connections_; }
  const SmartHost& host(std::size_t index) const { return hosts_[index].address; }

  // The first host that may be tried now. One that has failed is given to one caller at a time, who
  // says within `patience` how it went.
  std::optional<std::size_t> choose_host(Instant now, Duration patience);
  void note_success(std::size_t host);
  void note_failure(std::size_t host, Instant now);

  // Far_future() when some host may be tried now; else when the first may be again.
  Instant backoff_until(Instant now) const;
  // Whether a host before this one may be tried.
  bool has_better_host(std::size_t host, Instant now) const;

  // Set while envelopes wait at home: then nobody sends past them.
  std::atomic<bool> home_waits{false};

 private:
  struct Host {
    SmartHost address;
    Instant retry_at{0};
    Duration backoff{0};  // 0: it works, as far as is known
  };
  LimitCell connections_;
  std::string name_;
  ShardId home_;
  mutable std::mutex mutex_;
  std::vector<Host> hosts_;
};

}  // namespace sluice::relay
