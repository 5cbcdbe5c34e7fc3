#include "core/dns_cache.h"

#include <algorithm>
#include <utility>

#include "core/assert.h"
#include "core/shard.h"

namespace sluice {
namespace {

constexpr unsigned kAliasQuestionsMax = 4;  // for aliases whose targets the replies do not tell
constexpr std::size_t kEntryBytes = 256;    // of an entry with its places in both tables

std::size_t bytes_of(const DnsQuestion& question, const DnsAnswer* answer) {
  std::size_t bytes = kEntryBytes + 2 * question.name.size();
  if (answer == nullptr) return bytes;
  bytes += sizeof(DnsAnswer) + answer->name.size() + answer->addresses.size() * sizeof(IpAddress);
  for (const MxRecord& record : answer->exchanges)
    bytes += sizeof(MxRecord) + record.exchange.size();
  for (const std::string& text : answer->texts) bytes += sizeof(std::string) + text.size();
  for (const TlsaRecord& record : answer->associations) {
    bytes += sizeof(TlsaRecord) + record.data.size();
  }
  return bytes;
}

Duration kept_for(const Result<SharedDnsAnswer>& outcome) {
  if (!outcome) return kDnsFailureKept;
  const bool is_found = (*outcome)->status == DnsStatus::found;
  return std::clamp((*outcome)->ttl, kDnsTtlMin, is_found ? kDnsTtlMax : kDnsNegativeTtlMax);
}

}  // namespace

DnsMetrics::DnsMetrics(MetricRegistry& registry)
    : queries(registry.counter("sluice_dns_queries_total", "Questions asked of DNS servers.")),
      cache_hits(registry.counter("sluice_dns_cache_hits_total",
                                  "DNS look-ups that were answered from the cache.")),
      coalesced(registry.counter("sluice_dns_coalesced_total",
                                 "DNS look-ups that waited for the answer to another one.")),
      failures(registry.counter("sluice_dns_failures_total",
                                "Questions that no DNS server answered as it should.")) {}

std::size_t DnsCache::Hash::operator()(const DnsQuestion& question) const {
  return std::hash<std::string>()(question.name) * 31 + static_cast<std::size_t>(question.type);
}

DnsCache::DnsCache(const DnsCacheSettings& settings) : settings_(settings) {}

DnsCache::~DnsCache() {
  for (const auto& [question, entry] : entries_) {
    SLUICE_ASSERT(!entry.is_asked, "a cache ends after those who ask");
  }
}

Task<Result<KnownDnsAnswer>> DnsCache::look_up(DnsAsker asker, DnsQuestion question) {
  Completion<Known> done(asker.shard);
  Known known = KnownDnsAnswer{.answer = nullptr, .until = Instant(0)};
  const Waiter waiter{.shard = &asker.shard, .done = &done};
  switch (take_turn(asker, question, waiter, known)) {
    case Turn::known:
      asker.metrics.cache_hits.add();
      co_return known;
    case Turn::wait:
      asker.metrics.coalesced.add();
      co_return co_await done.wait();
    case Turn::ask:
      break;
  }
  auto outcome = co_await ask(asker, question);
  co_return settle(asker, question, std::move(outcome));
}

DnsCache::Turn DnsCache::take_turn(DnsAsker asker, const DnsQuestion& question, Waiter waiter,
                                   Known& known) {
  const Instant now = asker.shard.clock().now();
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[question];
  if (entry.is_asked) {
    entry.waiters.push_back(waiter);
    return Turn::wait;
  }
  if (entry.until > now) {
    known = entry.outcome ? Known(KnownDnsAnswer{.answer = *entry.outcome, .until = entry.until})
                          : Known(std::unexpected(entry.outcome.error()));
    return Turn::known;
  }
  entry.is_asked = true;
  return Turn::ask;
}

Task<DnsCache::Outcome> DnsCache::ask(DnsAsker asker, DnsQuestion question) {
  DnsAnswer whole{.name = question.name, .ttl = kDnsTtlMax};
  bool is_authentic = true;
  for (unsigned asked = 0; asked < kAliasQuestionsMax; ++asked) {
    asker.metrics.queries.add();
    DnsQuestion next{.name = whole.name, .type = question.type};
    auto answer = co_await asker.resolver.ask(std::move(next));
    if (!answer) {
      asker.metrics.failures.add();
      co_return std::unexpected(std::move(answer).error());
    }
    is_authentic = is_authentic && answer->is_authentic;
    const Duration ttl = std::min(whole.ttl, answer->ttl);
    whole = *std::move(answer);
    whole.ttl = ttl;
    whole.is_authentic = is_authentic;
    const auto normal = normal_dns_name(whole.name);
    if (!whole.is_unfinished || !normal) co_return std::make_shared<const DnsAnswer>(whole);
  }
  co_return fail(ErrorCode::syntax, "the aliases of the name lead too far");
}

DnsCache::Known DnsCache::settle(DnsAsker asker, const DnsQuestion& question, Outcome outcome) {
  const Instant until = asker.shard.clock().now() + kept_for(outcome);
  const Known known = outcome ? Known(KnownDnsAnswer{.answer = *outcome, .until = until})
                              : Known(std::unexpected(outcome.error()));
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_.at(question);
    SLUICE_ASSERT(entry.is_asked, "one asks at a time");
    const bool is_new = entry.bytes == 0;
    bytes_ -= entry.bytes;
    entry.bytes = bytes_of(question, outcome ? outcome->get() : nullptr);
    bytes_ += entry.bytes;
    entry.outcome = std::move(outcome);
    entry.until = until;
    entry.is_asked = false;
    waiters.swap(entry.waiters);
    if (is_new) order_.push_back(question);
    forget_oldest();
  }
  for (const Waiter& waiter : waiters) {
    if (waiter.shard == &asker.shard) {
      waiter.done->complete(known);
    } else {
      asker.shard.outbox_to(waiter.shard->mailbox()).send([done = waiter.done, known] {
        done->complete(known);
      });
    }
  }
  return known;
}

// What somebody asks for at this moment is passed over, and has its turn again at the end.
void DnsCache::forget_oldest() {
  for (std::size_t looks = order_.size(); looks > 0; --looks) {
    if (order_.size() <= settings_.entries_max && bytes_ <= settings_.bytes_max.value()) return;
    DnsQuestion oldest = std::move(order_.front());
    order_.pop_front();
    const auto entry = entries_.find(oldest);
    SLUICE_ASSERT(entry != entries_.end(), "what is in order is an entry");
    if (entry->second.is_asked) {
      order_.push_back(std::move(oldest));
      continue;
    }
    bytes_ -= entry->second.bytes;
    entries_.erase(entry);
  }
}

std::size_t DnsCache::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace sluice
