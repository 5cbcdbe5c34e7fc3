// DnsCache: what the domain name system said, for as long as it holds, shared by the shards.
//
// Who asks for what nobody knows asks the resolver of his own shard; all others who want the same
// wait for that answer. What there is not is kept too (RFC 2308), and a failure for a moment, so
// that a server in trouble is not flooded. Bounded in entries and in bytes: what came first goes
// first. For any shard, under one mutex that is held for a look at a table.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/completion.h"
#include "core/dns_answer.h"
#include "core/metrics.h"
#include "core/resolver.h"

namespace sluice {

// How long answers hold, whatever they say of themselves. One of no time at all would have to be
// fetched for every message of a burst.
inline constexpr Duration kDnsTtlMin = std::chrono::seconds(5);
inline constexpr Duration kDnsTtlMax = std::chrono::hours(24);
inline constexpr Duration kDnsNegativeTtlMax = std::chrono::minutes(10);
inline constexpr Duration kDnsFailureKept = std::chrono::seconds(5);

struct DnsMetrics {
  explicit DnsMetrics(MetricRegistry& registry);
  Counter& queries;     // sluice_dns_queries_total: asked of servers
  Counter& cache_hits;  // sluice_dns_cache_hits_total: answered from the cache
  Counter& coalesced;   // sluice_dns_coalesced_total: waited for another one's answer
  Counter& failures;    // sluice_dns_failures_total: no answer came, or a broken one
};

// Who asks: a shard, with what it has of its own.
struct DnsAsker {
  Shard& shard;
  Resolver& resolver;
  DnsMetrics& metrics;
};

struct DnsCacheSettings {
  std::size_t entries_max = 200'000;
  ByteCount bytes_max = mebibytes(64);
};

using SharedDnsAnswer = std::shared_ptr<const DnsAnswer>;

// An answer, and until when it may be used.
struct KnownDnsAnswer {
  SharedDnsAnswer answer;
  Instant until;
};

class DnsCache {
 public:
  explicit DnsCache(const DnsCacheSettings& settings = {});
  DnsCache(const DnsCache&) = delete;
  DnsCache& operator=(const DnsCache&) = delete;
  ~DnsCache();  // asserts that nobody asks

  // The name is a normal one; who asks outlives the call. Errors as Resolver::ask.
  Task<Result<KnownDnsAnswer>> look_up(DnsAsker asker, DnsQuestion question);

  std::size_t entries() const;

 private:
  using Outcome = Result<SharedDnsAnswer>;
  using Known = Result<KnownDnsAnswer>;
  struct Hash {
    std::size_t operator()(const DnsQuestion& question) const;
  };
  // Who waits for the answer that another one asked for.
  struct Waiter {
    Shard* shard;
    Completion<Known>* done;
  };
  struct Entry {
    Outcome outcome = SharedDnsAnswer();
    Instant until{0};
    std::size_t bytes = 0;
    bool is_asked = false;  // somebody is asking
    std::vector<Waiter> waiters = {};
  };
  enum class Turn : std::uint8_t { known, wait, ask };

  Turn take_turn(DnsAsker asker, const DnsQuestion& question, Waiter waiter, Known& known);
  static Task<Outcome> ask(DnsAsker asker, DnsQuestion question);
  Known settle(DnsAsker asker, const DnsQuestion& question, Outcome outcome);
  void forget_oldest();

  DnsCacheSettings settings_;
  mutable std::mutex mutex_;  // guards what follows
  std::unordered_map<DnsQuestion, Entry, Hash> entries_;
  std::deque<DnsQuestion> order_;  // of the entries that nobody asks for, the oldest first
  std::size_t bytes_ = 0;
};

}  // namespace sluice
