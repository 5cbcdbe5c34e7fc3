// MxStage: envelopes of one route whose hosts DNS names, on the home shard of their domains: those
// whose time has not come, and those whose domain's hosts are not known yet.
//
// What is due goes to the site of its domain's hosts. A domain of which DNS tells nothing waits as
// a whole and is asked for again after ever longer times: its envelopes use no attempt meanwhile,
// and expire in their time. One that gets no mail (NXDOMAIN, null MX, no host that may be used) has
// its envelopes fail; NXDOMAIN and the like only when DNS says so twice (dns.nxdomain = "confirm").
// Lives on its shard.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/event.h"
#include "core/task_scope.h"
#include "relay/exchange_resolver.h"
#include "relay/site_directory.h"
#include "relay/site_queue.h"
#include "shaping/scheduled_queue.h"

namespace sluice::relay {

// Between a domain's look-ups while DNS tells nothing of it.
inline constexpr Duration kDnsRetryFirst = std::chrono::seconds(30);
inline constexpr Duration kDnsRetryMax = std::chrono::minutes(15);
// Between the two look-ups that must agree.
inline constexpr Duration kNxDomainConfirmation = std::chrono::minutes(15);
// How long what two look-ups agreed on holds for mail that comes later.
inline constexpr Duration kConfirmedKept = std::chrono::hours(1);
// Domains that a shard looks up at once.
inline constexpr std::size_t kDomainsAskedMax = 200;

class MxStage {
 public:
  struct Parts {
    Shard& shard;
    std::size_t route;           // its number in the plan
    const PlannedSite& planned;  // what the plan says of it
    ExchangeResolver& resolver;
    SiteDirectory& directory;
    const OwnEndpoints& ours;
    std::function<std::string(std::uint32_t)> domain_of;            // of a queue
    std::function<void(std::size_t, const QueuedRecord&)> forward;  // to a site
    std::function<void(const spool::WaitingEnvelope&, const smtp::Reply&)> fail;
    std::function<void(const spool::WaitingEnvelope&)> expire;
  };
  explicit MxStage(Parts parts);

  // Due at once, or after `wait`.
  void push(const QueuedRecord& record, Duration wait);

  // Until stop(). While it is held nothing is looked up and nothing ends.
  Task<void> run();
  void set_held(bool is_held);
  void stop();
  Task<void> join() { return scope_.join(); }

  // Takes out what is_wanted, each with what is left of its wait.
  std::vector<SiteQueue::Taken> take_out(const std::function<bool(const QueuedRecord&)>& is_wanted);

  std::size_t size() const { return scheduled_.size() + waiting_; }

  // Visits each QueuedRecord whose time has not come, until visit(record) returns false.
  template <class Visit>
  void for_each_scheduled(Visit&& visit) const {
    scheduled_.for_each(std::forward<Visit>(visit));
  }
  // Visits each that waits for DNS: visit(record, trouble, retry_at); trouble is empty while the
  // first answer is awaited.
  template <class Visit>
  void for_each_waiting(Visit&& visit) const {
    for (const auto& [name, domain] : domains_) {
      for (const QueuedRecord& record : domain.waiting) {
        if (!visit(record, domain.trouble, domain.retry_at)) return;
      }
    }
  }

 private:
  enum class Standing : std::uint8_t {
    unknown,
    missing,    // one look-up says that it gets no mail
    confirmed,  // two do
  };
  struct Domain {
    std::vector<QueuedRecord> waiting = {};
    std::string trouble = {};  // what the last look-up said; empty: there was none
    smtp::Reply verdict = {};  // of a domain that is confirmed to get no mail
    Instant retry_at{0};       // not looked up before; of a confirmed one: not any more after
    Duration backoff{0};
    Standing standing = Standing::unknown;
    bool is_asked = false;  // a look-up is under way, or has its turn to come
  };

  void admit(const QueuedRecord& record);
  void ask_soon(const std::string& name, Domain& domain);
  void start_asking();
  Task<void> ask(std::string name);
  void settle(const std::string& name, ExchangeAnswer answer);
  void send_on(const std::string& name, std::size_t site);
  void wait_longer(const std::string& name, Domain& domain, std::string trouble, Duration wait);
  void refuse(const std::string& name, Domain& domain, NoExchanges none);
  void expire_waiting();
  void look_at_due(Instant now);
  Deadline time_to_look() const;

  Parts parts_;
  shaping::ScheduledQueue<QueuedRecord> scheduled_;
  shaping::ScheduledQueue<std::string> retries_;  // domains to look at again
  std::map<std::string, Domain> domains_;
  std::deque<std::string> to_ask_;  // domains whose turn comes when another one's look-up ends
  std::size_t asking_ = 0;
  std::size_t waiting_ = 0;  // records of domains_
  Instant expiry_checked_at_{0};
  bool is_held_ = false;
  bool is_stopping_ = false;
  Event changed_;
  TaskScope scope_;
};

}  // namespace sluice::relay
