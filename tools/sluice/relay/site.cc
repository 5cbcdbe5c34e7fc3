#include "relay/site.h"

#include <algorithm>

namespace sluice::relay {

std::optional<std::size_t> Site::choose_host(Instant now, Duration patience) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i].retry_at > now) continue;
    if (hosts_[i].backoff > Duration(0)) hosts_[i].retry_at = now + patience;
    return i;
  }
  return std::nullopt;
}

void Site::note_success(std::size_t host) {
  const std::lock_guard lock(mutex_);
  hosts_[host].backoff = Duration(0);
  hosts_[host].retry_at = Instant(0);
}

void Site::note_failure(std::size_t host, Instant now) {
  const std::lock_guard lock(mutex_);
  Host& failed = hosts_[host];
  // Connections that were opened together fail together: that counts once.
  const bool is_known = failed.backoff > Duration(0) && failed.retry_at > now &&
                        failed.retry_at <= now + failed.backoff;
  if (is_known) return;
  failed.backoff = std::clamp(failed.backoff * 2, kHostRetryFirst, kHostRetryMax);
  failed.retry_at = now + failed.backoff;
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

bool Site::has_better_host(std::size_t host, Instant now) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(hosts_.begin(), hosts_.begin() + static_cast<std::ptrdiff_t>(host),
                     [now](const Host& better) { return better.retry_at <= now; });
}

}  // namespace sluice::relay
