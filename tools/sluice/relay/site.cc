#include "relay/site.h"

#include <algorithm>

#include "core/assert.h"

namespace sluice::relay {

std::optional<std::size_t> Site::choose_host(Instant now, Duration patience) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i].retry_at > now) continue;
    if (hosts_[i].is_down) hosts_[i].retry_at = now + patience;
    return i;
  }
  return std::nullopt;
}

void Site::note_opened(std::size_t host) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(host < hosts_.size(), "a host of this site");
  hosts_[host].is_down = false;
  hosts_[host].retry_at = Instant(0);
}

void Site::note_success(std::size_t host) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(host < hosts_.size(), "a host of this site");
  hosts_[host].backoff = Duration(0);
  hosts_[host].reason.clear();
}

void Site::note_failure(std::size_t host, Instant now, std::string reason) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(host < hosts_.size(), "a host of this site");
  Host& failed = hosts_[host];
  failed.reason = std::move(reason);
  // Connections that were opened together fail together: that counts once.
  const bool is_known =
      failed.is_down && failed.retry_at > now && failed.retry_at <= now + failed.backoff;
  if (is_known) return;
  failed.is_down = true;
  failed.backoff = std::clamp(failed.backoff * 2, kHostRetryFirst, kHostRetryMax);
  failed.retry_at = now + failed.backoff;
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
  for (const Host& host : hosts_) {
    if (host.retry_at <= now) return Instant::far_future();
    first = std::min(first, host.retry_at);
  }
  return first;
}

bool Site::should_leave(std::size_t host, Instant now) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSERT(host < hosts_.size(), "a host of this site");
  for (std::size_t i = 0; i < host; ++i) {
    Host& better = hosts_[i];
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
