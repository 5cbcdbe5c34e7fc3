#include "relay/mx_stage.h"

#include <algorithm>
#include <iterator>

#include "core/assert.h"
#include "core/log.h"
#include "core/shard.h"

namespace sluice::relay {
namespace {

constexpr Duration kExpiryCheck = std::chrono::seconds(30);
// Domains that are remembered as confirmed to get no mail; more are looked up twice again.
constexpr std::size_t kDomainsKeptMax = 100'000;

}  // namespace

MxStage::MxStage(Parts parts)
    : parts_(std::move(parts)), changed_(parts_.shard), scope_(parts_.shard.run_queue()) {}

void MxStage::push(const QueuedRecord& record, Duration wait) {
  if (wait > Duration(0) || is_held_) {
    scheduled_.push(parts_.shard.clock().now() + wait, record);
    changed_.notify_all();
    return;
  }
  admit(record);
  changed_.notify_all();
}

void MxStage::admit(const QueuedRecord& record) {
  const std::string name = parts_.domain_of(record.waiting.queue);
  const Instant now = parts_.shard.clock().now();
  if (const auto place = parts_.directory.place_of(parts_.route, name, now)) {
    return parts_.forward(place->site, record);
  }
  Domain& domain = domains_[name];
  if (domain.standing == Standing::confirmed && domain.retry_at > now) {
    return parts_.fail(record.waiting, domain.verdict);
  }
  domain.waiting.push_back(record);
  ++waiting_;
  if (domain.retry_at <= now) ask_soon(name, domain);
}

void MxStage::ask_soon(const std::string& name, Domain& domain) {
  if (std::exchange(domain.is_asked, true)) return;
  to_ask_.push_back(name);
  start_asking();
}

void MxStage::start_asking() {
  while (!to_ask_.empty() && asking_ < kDomainsAskedMax && !is_stopping_) {
    std::string name = std::move(to_ask_.front());
    to_ask_.pop_front();
    ++asking_;
    scope_.spawn(ask(std::move(name)));
  }
}

Task<void> MxStage::ask(std::string name) {
  auto answer = co_await parts_.resolver.resolve(name, *parts_.planned.config, parts_.ours);
  --asking_;
  if (is_stopping_) co_return;  // what waits is in the spool, for the next start
  settle(name, std::move(answer));
  start_asking();
}

void MxStage::settle(const std::string& name, ExchangeAnswer answer) {
  const auto found = domains_.find(name);
  SLUICE_ASSERT(found != domains_.end(), "a domain stays while it is looked up");
  Domain& domain = found->second;
  domain.is_asked = false;
  if (!answer.outcome) return refuse(name, domain, std::move(answer.outcome).error());
  const SiteDirectory::Route route{.number = parts_.route, .planned = parts_.planned};
  const Instant now = parts_.shard.clock().now();
  const Instant until = std::max(answer.until, now + kDnsTtlMin);
  auto site = parts_.directory.learn(route, name, answer.outcome->hosts, until);
  if (site) return send_on(name, *site);
  wait_longer(name, domain, site.error().sentence(), kDnsRetryFirst);
}

void MxStage::send_on(const std::string& name, std::size_t site) {
  const auto domain = domains_.extract(name);
  waiting_ -= domain.mapped().waiting.size();
  for (const QueuedRecord& record : domain.mapped().waiting) parts_.forward(site, record);
}

void MxStage::wait_longer(const std::string& name, Domain& domain, std::string trouble,
                          Duration wait) {
  domain.trouble = std::move(trouble);
  domain.retry_at = parts_.shard.clock().now() + wait;
  retries_.push(domain.retry_at, name);
  changed_.notify_all();
}

void MxStage::refuse(const std::string& name, Domain& domain, NoExchanges none) {
  if (!none.reply.is_permanent()) {
    domain.standing = Standing::unknown;
    domain.backoff = std::clamp(domain.backoff * 2, kDnsRetryFirst, kDnsRetryMax);
    SLUICE_LOG(warning, "domain_unknown", {"domain", name}, {"error", none.reply.to_string()});
    return wait_longer(name, domain, none.reply.to_string(), domain.backoff);
  }
  const bool wants_confirmation =
      none.needs_confirmation && parts_.planned.config->dns.nxdomain == NxDomain::confirm;
  if (wants_confirmation && domain.standing == Standing::unknown) {
    domain.standing = Standing::missing;
    SLUICE_LOG(info, "domain_missing", {"domain", name}, {"error", none.reply.to_string()},
               {"meaning", "its mail fails when a second look-up agrees"});
    return wait_longer(name, domain, none.reply.to_string() + " (to be confirmed)",
                       kNxDomainConfirmation);
  }
  domain.standing = Standing::confirmed;
  domain.verdict = std::move(none.reply);
  const auto refused = std::exchange(domain.waiting, {});
  waiting_ -= refused.size();
  for (const QueuedRecord& record : refused) parts_.fail(record.waiting, domain.verdict);
  // What needs no confirmation is asked for anew by whoever comes next: the cache knows.
  const bool is_kept = wants_confirmation && domains_.size() < kDomainsKeptMax;
  wait_longer(name, domain, {}, is_kept ? kConfirmedKept : Duration(0));
}

Task<void> MxStage::run() {
  while (!is_stopping_) {
    if (!is_held_) look_at_due(parts_.shard.clock().now());
    const Deadline deadline = time_to_look();
    auto woken = co_await changed_.wait(deadline);
    if (!woken && woken.error().code() == ErrorCode::cancelled) break;
  }
}

void MxStage::look_at_due(Instant now) {
  const WallTime wall = parts_.shard.clock().wall();
  while (scheduled_.has_due(now)) {
    const QueuedRecord record = scheduled_.pop();
    if (record.waiting.expiry <= wall) {
      parts_.expire(record.waiting);
    } else {
      admit(record);
    }
  }
  while (retries_.has_due(now)) {
    const std::string name = retries_.pop();
    const auto domain = domains_.find(name);
    if (domain == domains_.end() || domain->second.retry_at > now || domain->second.is_asked) {
      continue;
    }
    if (domain->second.waiting.empty()) {
      domains_.erase(domain);
    } else {
      ask_soon(name, domain->second);
    }
  }
  if (expiry_checked_at_ + kExpiryCheck > now) return;
  expiry_checked_at_ = now;
  expire_waiting();
}

void MxStage::expire_waiting() {
  const WallTime wall = parts_.shard.clock().wall();
  std::vector<QueuedRecord> expired;
  const auto has_expired = [wall](const QueuedRecord& record) {
    return record.waiting.expiry <= wall;
  };
  for (auto& [name, domain] : domains_) {
    std::ranges::copy_if(domain.waiting, std::back_inserter(expired), has_expired);
    std::erase_if(domain.waiting, has_expired);
  }
  waiting_ -= expired.size();
  for (const QueuedRecord& record : expired) parts_.expire(record.waiting);
}

Deadline MxStage::time_to_look() const {
  if (is_held_) return Deadline::never();  // set_held() wakes the task
  const Instant now = parts_.shard.clock().now();
  Instant next = std::min(scheduled_.next(), retries_.next());
  if (waiting_ > 0) next = std::min(next, now + kExpiryCheck);
  if (next == Instant::far_future()) return Deadline::never();
  return Deadline::at(std::max(next, now + std::chrono::milliseconds(1)));
}

void MxStage::set_held(bool is_held) {
  is_held_ = is_held;
  changed_.notify_all();
}

void MxStage::stop() {
  is_stopping_ = true;
  to_ask_.clear();
  changed_.notify_all();
}

std::vector<SiteQueue::Taken> MxStage::take_out(
    const std::function<bool(const QueuedRecord&)>& is_wanted) {
  const Instant now = parts_.shard.clock().now();
  std::vector<SiteQueue::Taken> taken;
  scheduled_.extract(is_wanted, [&](Instant due, const QueuedRecord& record) {
    taken.push_back({.record = record, .wait = std::max(Duration(0), due - now)});
  });
  for (auto& [name, domain] : domains_) {
    for (const QueuedRecord& record : domain.waiting) {
      if (is_wanted(record)) taken.push_back({.record = record, .wait = Duration(0)});
    }
    waiting_ -= std::erase_if(domain.waiting, is_wanted);
  }
  return taken;
}

}  // namespace sluice::relay
