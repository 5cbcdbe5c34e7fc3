// Site: what every shard shares about one set of hosts, the smart hosts of a route or the hosts
// that DNS names for some domains: the limit of connections, the state of each host, and whether
// envelopes wait at the home.
//
// The cell of connections is the one thing on the hot path: an atomic counter. Host states change
// when a connection opens, first serves or fails, under a mutex. It opens nothing and waits for
// nothing. A site without hosts holds the envelopes that no route fits. For any thread.
#pragma once

#include <atomic>
#include <cstdint>
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
  // What is used beyond a lower limit stays until it is released.
  void set_limit(std::uint32_t limit) { limit_.store(limit); }
  std::uint32_t used() const { return used_.load(); }

  // Who finds it full says so and looks once more; who releases asks, and tells them. All of it is
  // sequentially consistent, so one of the two sees the other.
  void await_release() { is_awaited_.store(true); }
  [[nodiscard]] bool take_awaited() { return is_awaited_.load() && is_awaited_.exchange(false); }

 private:
  std::atomic<std::uint32_t> used_{0};
  std::atomic<bool> is_awaited_{false};
  std::atomic<std::uint32_t> limit_;
};

inline constexpr Duration kHostRetryFirst = std::chrono::seconds(1);
inline constexpr Duration kHostRetryMax = std::chrono::seconds(60);
// A host that refused our login, which an operator has to mend.
inline constexpr Duration kLockedOutRetry = std::chrono::minutes(5);
// A host whose TLS failed is reached in clear, where the route allows it, for so long.
inline constexpr Duration kTlsRetry = std::chrono::days(3);
// One connection at a time leaves a second-choice host to look whether a better one is back.
inline constexpr Duration kBetterHostPatience = std::chrono::seconds(10);

// When each host has failed so many times, the site is left alone as a whole: ever longer, and one
// connection at a time looks whether it is back.
inline constexpr unsigned kRoundsToSiteBackoff = 5;
inline constexpr Duration kSiteRetryFirst = std::chrono::minutes(1);
inline constexpr Duration kSiteRetryMax = std::chrono::minutes(30);

// A host and its place: the lower rank is used first, equal ones are chosen from at random.
struct SiteHost {
  SmartHost address;
  std::size_t rank;

  friend bool operator==(const SiteHost&, const SiteHost&) = default;
};

class Site {
 public:
  // Of smart hosts, in their order. They are the operator's own: each is tried every minute.
  Site(std::string name, std::vector<SmartHost> hosts, std::uint32_t connections, ShardId home);
  // Of hosts that DNS names.
  Site(std::string name, std::vector<SiteHost> hosts, std::uint32_t connections, ShardId home);

  const std::string& name() const { return name_; }
  ShardId home() const { return home_; }
  bool has_hosts() const { return !hosts_.empty(); }
  bool is_found_by_dns() const { return is_found_by_dns_; }
  LimitCell& connections() { return connections_; }
  const SmartHost& host(std::size_t index) const { return hosts_[index].address; }

  // The best host that may be tried now, by `chance` among equals. One that has failed is given to
  // one caller at a time, who says within `patience` how it went.
  std::optional<std::size_t> choose_host(Instant now, Duration patience, std::uint64_t chance);

  // It took a connection: everybody may try it. It answered for a message: it works.
  void note_opened(std::size_t host);
  void note_success(std::size_t host);
  // It refused a connection, or ended one before it had answered for any message. The next such
  // failure doubles how long it is left alone, unless it worked in between.
  void note_failure(std::size_t host, Instant now, std::string reason);

  // It refused our login.
  void note_locked_out(std::size_t host, Instant now, std::string reason);

  bool may_try_tls(std::size_t host, Instant now) const;
  void note_tls_failed(std::size_t host, Instant now);

  // Far_future() when some host may be tried now; else when the first may be again.
  Instant backoff_until(Instant now) const;
  // Whether some host has a lower rank than this one.
  bool has_better(std::size_t host) const;
  // Whether a connection to this host should end in favour of a better one: always while that one
  // works; one connection at a time while it is due for a probe.
  bool should_leave(std::size_t host, Instant now);
  // "host: why" of the first host that is left alone; empty when none is.
  std::string trouble() const;

  // Set while envelopes wait at home: then nobody sends past them.
  std::atomic<bool> home_waits{false};

 private:
  struct Host {
    SmartHost address;
    std::size_t rank = 0;
    std::string reason = {};  // of its last failure
    Instant retry_at{0};
    Instant tls_retry_at{0};
    Instant probe_leaves_at{0};  // no connection is given up for a probe before
    Duration backoff{0};         // 0: it works, as far as is known
    bool is_down = false;
    bool is_probed = false;  // since it was given to one caller
    bool has_failed_in_round = false;
  };
  void count_failure(Host& failed, Instant now);
  bool is_left_alone() const { return is_found_by_dns_ && rounds_ >= kRoundsToSiteBackoff; }

  LimitCell connections_;
  std::string name_;
  ShardId home_;
  bool is_found_by_dns_ = false;  // and backs off as a whole
  mutable std::mutex mutex_;      // guards what follows
  std::vector<Host> hosts_;
  unsigned rounds_ = 0;  // in which every host failed, since one worked
  Duration backoff_{0};  // of the whole
  Instant retry_at_{0};  // likewise
};

}  // namespace sluice::relay
