#include "relay/site.h"

#include <algorithm>
#include <utility>

#include "core/assert.h"

namespace sluice::relay {

Site::Site(std::string name, std::vector<SmartHost> hosts, std::uint32_t connections, ShardId home)
    : connections_(connections), name_(std::move(name)), home_(home) {
  for (SmartHost& host : hosts) {
    const std::size_t rank = hosts_.size();
    hosts_.push_back(Host{.address = std::move(host), .rank = rank});
  }
}

Site::Site(std::string name, std::vector<SiteHost> hosts, std::uint32_t connections, ShardId home)
    : connections_(connections), name_(std::move(name)), home_(home), is_found_by_dns_(true) {
  for (SiteHost& host : hosts) {
    hosts_.push_back(Host{.address = std::move(host.address), .rank = host.rank});
  }
}

std::optional<std::size_t> Site::choose_host(Instant now, Duration patience, std::uint64_t chance) {
  const std::lock_guard lock(mutex_);
  if (retry_at_ > now) return std::nullopt;
  std::size_t rank = SIZE_MAX;
  std::uint64_t equals = 0;
  for (const Host& host : hosts_) {
    if (host.retry_at > now || host.rank > rank) continue;
    equals = host.rank < rank ? 1 : equals + 1;
    rank = host.rank;
  }
  if (equals == 0) return std::nullopt;
  std::uint64_t skipped = chance % equals;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i].retry_at > now || hosts_[i].rank != rank || skipped-- > 0) continue;
    if (hosts_[i].is_down) {
      hosts_[i].is_probed = true;
      hosts_[i].retry_at = now + patience;
    }
    if (is_left_alone()) retry_at_ = now + patience;
    return i;
  }
  SLUICE_ASSERT(false, "one of the equals was chosen");
  return std::nullopt;
}

void Site::note_opened(std::size_t host) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(host < hosts_.size(), "a host of this site");
  hosts_[host].is_down = false;
  hosts_[host].is_probed = false;
  hosts_[host].retry_at = Instant(0);
  retry_at_ = Instant(0);
}

void Site::note_success(std::size_t host) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(host < hosts_.size(), "a host of this site");
  hosts_[host].backoff = Duration(0);
  hosts_[host].reason.clear();
  hosts_[host].has_failed_in_round = false;
  rounds_ = 0;
  backoff_ = Duration(0);
  retry_at_ = Instant(0);
}

void Site::note_failure(std::size_t host, Instant now, std::string reason) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(host < hosts_.size(), "a host of this site");
  Host& failed = hosts_[host];
  failed.reason = std::move(reason);
  // Connections that were opened together fail together: that counts once.
  const bool is_probe = std::exchange(failed.is_probed, false);
  const bool is_known = !is_probe && failed.is_down && failed.retry_at > now &&
                        failed.retry_at <= now + failed.backoff;
  if (is_known) return;
  failed.is_down = true;
  failed.backoff = std::clamp(failed.backoff * 2, kHostRetryFirst, kHostRetryMax);
  failed.retry_at = now + failed.backoff;
  count_failure(failed, now);
}

void Site::count_failure(Host& failed, Instant now) {
  failed.has_failed_in_round = true;
  if (std::ranges::all_of(hosts_, &Host::has_failed_in_round)) {
    for (Host& host : hosts_) host.has_failed_in_round = false;
    ++rounds_;
    if (is_left_alone()) backoff_ = std::clamp(backoff_ * 2, kSiteRetryFirst, kSiteRetryMax);
  }
  if (is_left_alone()) retry_at_ = now + backoff_;
}

void Site::note_locked_out(std::size_t host, Instant now, std::string reason) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(host < hosts_.size(), "a host of this site");
  hosts_[host].reason = std::move(reason);
  hosts_[host].is_down = true;
  hosts_[host].retry_at = now + kLockedOutRetry;
}

bool Site::may_try_tls(std::size_t host, Instant now) const {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(host < hosts_.size(), "a host of this site");
  return hosts_[host].tls_retry_at <= now;
}

void Site::note_tls_failed(std::size_t host, Instant now) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(host < hosts_.size(), "a host of this site");
  hosts_[host].tls_retry_at = now + kTlsRetry;
}

Instant Site::backoff_until(Instant now) const {
  const std::lock_guard lock(mutex_);
  Instant first = Instant::far_future();
  const bool may_be_tried = retry_at_ <= now;
  for (const Host& host : hosts_) {
    if (host.retry_at <= now && may_be_tried) return Instant::far_future();
    first = std::min(first, host.retry_at);
  }
  return may_be_tried ? first : std::max(first, retry_at_);
}

bool Site::has_better(std::size_t host) const {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(host < hosts_.size(), "a host of this site");
  const std::size_t rank = hosts_[host].rank;
  return std::ranges::any_of(hosts_, [rank](const Host& one) { return one.rank < rank; });
}

bool Site::should_leave(std::size_t host, Instant now) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(host < hosts_.size(), "a host of this site");
  for (Host& better : hosts_) {
    if (better.rank >= hosts_[host].rank) continue;
    if (!better.is_down && better.backoff == Duration(0)) return true;
    const bool is_due = better.is_down && better.retry_at <= now;
    if (!is_due || better.probe_leaves_at > now) continue;
    better.probe_leaves_at = now + kBetterHostPatience;
    return true;
  }
  return false;
}

std::string Site::trouble() const {
  const std::lock_guard lock(mutex_);
  const auto down = std::ranges::find_if(hosts_, &Host::is_down);
  if (down == hosts_.end()) return {};
  return down->address.to_string() + ": " + down->reason;
}

}  // namespace sluice::relay
