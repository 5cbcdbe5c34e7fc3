// QueueReport: what the queues hold and why it waits, asked of all shards and put together.
//
// Bounded: rows beyond what was asked for are counted, not returned. It knows no JSON and no
// socket. Lives on shard 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/task.h"
#include "relay/envelope_codec.h"
#include "relay/shard_parts.h"
#include "spool/spool.h"

namespace sluice::relay {

// Envelopes that one shard looks through for a filtered list.
inline constexpr std::size_t kListedEnvelopesMax = 100'000;
// Rows of a list that are told with their last attempt: each is asked of the spool.
inline constexpr std::size_t kNotedEnvelopesMax = 200;

struct QueueTotals {
  std::uint64_t queues = 0;
  std::uint64_t ready = 0;
  std::uint64_t scheduled = 0;
  std::uint64_t in_flight = 0;
};

struct QueueOverview {
  std::vector<QueueSummary> queues;  // the fullest first
  QueueTotals totals;                // over all, also those not returned
  spool::Accounting accounting;
};

struct QueueListing {
  std::vector<QueuedEnvelope> envelopes;  // by next attempt
  bool is_complete = true;                // false: there are more
};

// One envelope of a message, decoded.
struct ShownEnvelope {
  spool::EnvelopeDetails details;
  MessageMetadata message;
  EnvelopeMetadata envelope;
  std::string route;
  std::optional<EnvelopeState> state;  // none: unknown to the queues, for instance just ended
  std::string waits_for;
  std::string detail;
};

class QueueReport {
 public:
  QueueReport(Shard& shard, ShardParts& parts, spool::Spool& spool)
      : shard_(shard), parts_(parts), spool_(spool) {}

  Task<Result<QueueOverview>> overview(std::size_t queues_max);

  // `domain` in lower case; empty: all.
  Task<Result<QueueListing>> list(std::size_t envelopes_max, std::string domain);

  // not_found when nothing of the message is queued.
  Task<Result<std::vector<ShownEnvelope>>> show(spool::MessageId id);

 private:
  Task<Result<std::vector<QueueSummary>>> summaries();
  Task<void> add_last_attempts(std::vector<QueuedEnvelope>& envelopes);

  Shard& shard_;
  ShardParts& parts_;
  spool::Spool& spool_;
};

}  // namespace sluice::relay
