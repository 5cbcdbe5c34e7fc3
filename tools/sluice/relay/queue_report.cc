#include "relay/queue_report.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/shard.h"
#include "relay/queue_name.h"

namespace sluice::relay {
namespace {

std::uint64_t envelopes_in(const QueueSummary& queue) {
  return queue.ready + queue.scheduled + queue.in_flight;
}

// A queue may be known to several shards: at home, and where its envelopes are in flight.
void merge(QueueSummary& into, const QueueSummary& other) {
  into.ready += other.ready;
  into.scheduled += other.scheduled;
  into.in_flight += other.in_flight;
  // The home shard knows why it waits; the others only that something flies.
  if (into.waits_for.empty() || other.ready + other.scheduled > 0) {
    into.waits_for = other.waits_for;
    into.detail = other.detail;
  }
  const bool has_none = into.next_attempt == WallTime(0);
  const bool is_earlier =
      other.next_attempt != WallTime(0) && other.next_attempt < into.next_attempt;
  if (has_none || is_earlier) into.next_attempt = other.next_attempt;
}

QueueTotals totals_of(const std::vector<QueueSummary>& queues) {
  QueueTotals totals;
  totals.queues = queues.size();
  for (const QueueSummary& queue : queues) {
    totals.ready += queue.ready;
    totals.scheduled += queue.scheduled;
    totals.in_flight += queue.in_flight;
  }
  return totals;
}

// What the queues know of an envelope goes to what the spool knows.
void add_state(const std::vector<std::vector<QueuedEnvelope>>& by_shard, ShownEnvelope& shown) {
  for (const auto& rows : by_shard) {
    for (const QueuedEnvelope& row : rows) {
      if (row.waiting.key != shown.details.waiting.key) continue;
      shown.route = row.route;
      shown.state = row.state;
      shown.waits_for = row.waits_for;
      shown.detail = row.detail;
      shown.details.waiting.next_attempt = row.waiting.next_attempt;
    }
  }
}

std::vector<QueuedEnvelope> list_of(const Dispatcher& dispatcher, std::size_t most,
                                    const std::string& domain) {
  if (domain.empty()) return dispatcher.list(most);
  auto envelopes = dispatcher.list(kListedEnvelopesMax);
  std::erase_if(envelopes, [&domain](const QueuedEnvelope& envelope) {
    return parse_queue_name(envelope.queue).domain != domain;
  });
  if (envelopes.size() > most)
    envelopes.erase(envelopes.begin() + std::ptrdiff_t(most), envelopes.end());
  return envelopes;
}

Result<ShownEnvelope> decode(spool::EnvelopeDetails details) {
  SLUICE_TRY(message, decode_message_metadata(details.message_metadata));
  SLUICE_TRY(envelope, decode_envelope_metadata(details.envelope_metadata));
  return ShownEnvelope{.details = std::move(details),
                       .message = std::move(message),
                       .envelope = std::move(envelope),
                       .route = {},
                       .state = {},
                       .waits_for = {},
                       .detail = {}};
}

}  // namespace

Task<Result<std::vector<QueueSummary>>> QueueReport::summaries() {
  const std::function<std::vector<QueueSummary>(ShardPart&)> summarise = [](ShardPart& part) {
    return part.dispatcher().summarise();
  };
  SLUICE_CO_TRY(by_shard, co_await parts_.ask_all(shard_, summarise));
  std::map<std::pair<std::string, std::string>, QueueSummary> merged;
  for (auto& queues : by_shard) {
    for (QueueSummary& queue : queues) {
      auto identity = std::pair(queue.queue, queue.route);
      const auto known = merged.find(identity);
      if (known == merged.end()) {
        merged.emplace(std::move(identity), std::move(queue));
      } else {
        merge(known->second, queue);
      }
    }
  }
  std::vector<QueueSummary> all;
  for (auto& [identity, queue] : merged) all.push_back(std::move(queue));
  co_return all;
}

Task<Result<QueueOverview>> QueueReport::overview(std::size_t queues_max) {
  SLUICE_CO_TRY(queues, co_await summaries());
  QueueOverview overview;
  overview.totals = totals_of(queues);
  overview.accounting = spool_.accounting();
  std::ranges::sort(queues, [](const QueueSummary& a, const QueueSummary& b) {
    const auto a_envelopes = envelopes_in(a);
    const auto b_envelopes = envelopes_in(b);
    return a_envelopes == b_envelopes ? a.queue < b.queue : a_envelopes > b_envelopes;
  });
  if (queues.size() > queues_max) {
    queues.erase(queues.begin() + static_cast<std::ptrdiff_t>(queues_max), queues.end());
  }
  overview.queues = std::move(queues);
  co_return overview;
}

Task<Result<QueueListing>> QueueReport::list(std::size_t envelopes_max, std::string domain) {
  const std::size_t asked = envelopes_max + 1;  // one more tells whether there are more
  const std::function<std::vector<QueuedEnvelope>(ShardPart&)> list_shard =
      [asked, domain](ShardPart& part) { return list_of(part.dispatcher(), asked, domain); };
  SLUICE_CO_TRY(by_shard, co_await parts_.ask_all(shard_, list_shard));
  QueueListing listing;
  for (auto& envelopes : by_shard) {
    std::ranges::move(envelopes, std::back_inserter(listing.envelopes));
  }
  std::ranges::sort(listing.envelopes, {}, [](const QueuedEnvelope& envelope) {
    return std::pair(envelope.waiting.next_attempt, envelope.waiting.key);
  });
  listing.is_complete = listing.envelopes.size() <= envelopes_max;
  if (!listing.is_complete) {
    listing.envelopes.erase(listing.envelopes.begin() + static_cast<std::ptrdiff_t>(envelopes_max),
                            listing.envelopes.end());
  }
  co_await add_last_attempts(listing.envelopes);
  co_return listing;
}

// What the spool cannot tell is left out: the list is worth more than its last column.
Task<void> QueueReport::add_last_attempts(std::vector<QueuedEnvelope>& envelopes) {
  std::size_t asked = 0;
  for (QueuedEnvelope& envelope : envelopes) {
    if (envelope.waiting.attempts == 0) continue;
    if (++asked > kNotedEnvelopesMax) co_return;
    auto stored = co_await spool_.inspect(shard_, envelope.waiting.key.message);
    if (!stored) continue;
    for (const spool::EnvelopeDetails& details : *stored) {
      const bool is_it = details.waiting.key == envelope.waiting.key && !details.attempts.empty();
      if (is_it) envelope.last_attempt = details.attempts.back();
    }
  }
}

Task<Result<std::vector<ShownEnvelope>>> QueueReport::show(spool::MessageId id) {
  SLUICE_CO_TRY(stored, co_await spool_.inspect(shard_, id));
  const std::function<std::vector<QueuedEnvelope>(ShardPart&)> find = [id](ShardPart& part) {
    return part.dispatcher().find(id);
  };
  SLUICE_CO_TRY(by_shard, co_await parts_.ask_all(shard_, find));
  std::vector<ShownEnvelope> shown;
  for (spool::EnvelopeDetails& details : stored) {
    SLUICE_CO_TRY(envelope, decode(std::move(details)));
    add_state(by_shard, envelope);
    shown.push_back(std::move(envelope));
  }
  co_return shown;
}

}  // namespace sluice::relay
