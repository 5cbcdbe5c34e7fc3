// Dispatcher: decides what each envelope does next. One per shard.
//
// A fresh envelope goes out at once where the shard has a free slot and nobody waits for the site;
// else its record goes to the site's home shard, which alone queues it and grants it, with a
// permit, to a shard that has a free slot (docs/architecture.md, "Waiting happens in one place").
// The body is then read back from the spool, unless the shard kept it (kept_envelopes.h). Envelopes
// that no route fits, because theirs has left the configuration, wait on shard 0 until a start with
// a route, or until they expire.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "core/ids.h"
#include "core/task.h"
#include "relay/config.h"
#include "relay/envelope_codec.h"
#include "spool/spool.h"

namespace sluice {
class Shard;
class ShardGroup;
}  // namespace sluice

namespace sluice::relay {

class DispatchPlan;
class TenantRegistry;

// An envelope that was just committed, on the shard that received it.
struct FreshEnvelope {
  spool::WaitingEnvelope waiting;
  std::shared_ptr<const MessageMetadata> message;  // of all envelopes of the message
  std::vector<std::string> recipients;
  std::vector<PositionedDsn> dsn = {};    // what the sender wants to hear of them
  std::shared_ptr<const ByteChain> body;  // null: read it back
};

// One row of `sluice queue summary`: a scheduled queue, and why its envelopes wait.
struct QueueSummary {
  std::string queue;            // "campaign:tenant@domain"
  std::string route;            // empty: none fits
  std::uint64_t ready = 0;      // due, waiting for a slot
  std::uint64_t scheduled = 0;  // waiting for their next attempt
  std::uint64_t in_flight = 0;
  WallTime next_attempt{0};  // earliest; 0: none
  std::string waits_for;     // "retry", "connection slot...", "route backoff", "DNS answer",
                             // "no route", "delivery held", "tenant suspended", "no tenant"
  std::string detail;        // of the wait: which host fails, and how; empty: nothing to say
};

enum class EnvelopeState : std::uint8_t { ready, scheduled, in_flight };

// One row of `sluice queue list`.
struct QueuedEnvelope {
  spool::WaitingEnvelope waiting;  // next_attempt is when it is really tried next
  std::string queue;
  std::string route;
  EnvelopeState state = EnvelopeState::ready;
  std::string waits_for;                                // as above; "reply" when it is being sent
  std::string detail;                                   // likewise; the host it is being sent to
  std::optional<spool::AttemptNote> last_attempt = {};  // QueueReport asks the spool for it
};

// What waits for an operator, so that no drain waits for it: no route fits it, or its tenant may
// not deliver.
struct HeldBack {
  std::uint64_t envelopes = 0;
  std::uint64_t recipients = 0;
};

// What every shard's dispatcher shares: homes, limit cells, the peers' mailboxes.
class DispatcherGroup;

class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  // Takes an envelope over after its commit.
  virtual void submit(FreshEnvelope envelope) = 0;

  // Runs the shard's part of dispatching until stop(): connection pools, home queues.
  virtual Task<void> run() = 0;

  // Ends the hold with which the group was made, if it was.
  virtual void release() = 0;

  // A reload, in two steps, so that nobody is told of a site that he does not know: every shard
  // opens the sites of the plan before any goes by it.
  virtual void prepare(std::shared_ptr<const DispatchPlan> plan) = 0;
  virtual void adopt(std::shared_ptr<const DispatchPlan> plan) = 0;

  // A tenant may deliver again: what was parked at home here is looked at anew.
  virtual void release_tenants() = 0;

  // Stops granting and sending new messages; run() ends when those in flight have ended, or at the
  // deadline. Their outcomes are recorded.
  virtual void stop(Deadline deadline) = 0;

  // What waits at home here, and what is in flight here.
  virtual std::vector<QueueSummary> summarise() const = 0;
  virtual std::vector<QueuedEnvelope> list(std::size_t most) const = 0;
  virtual std::vector<QueuedEnvelope> find(spool::MessageId message) const = 0;
  virtual HeldBack held_back() const = 0;  // at home here
  // Envelopes not yet ended that this shard knows of: queued at home here, or in flight here.
  virtual std::uint64_t pending() const = 0;
};

// Whether mail is sent from the start, or waits at home until every shard was told to release it.
// While it is held no envelope ends, not even by its age.
enum class DeliveryStart : std::uint8_t { at_once, held };

class DispatcherGroup {
 public:
  // One per process. What it is given outlives it.
  struct Parts {
    spool::Spool& spool;
    ShardGroup& shards;
    TenantRegistry& tenants;
  };
  // An Error when what a route is secured with cannot be had.
  static Result<std::shared_ptr<DispatcherGroup>> make(std::shared_ptr<const RelayConfig> config,
                                                       const Parts& parts, DeliveryStart start);
  virtual ~DispatcherGroup() = default;

  // On the shard's own thread, once per shard.
  virtual std::unique_ptr<Dispatcher> open(Shard& shard) = 0;

  // What a reload would go by; limit_exceeded after too many. Published once every shard adopted
  // it.
  virtual Result<std::shared_ptr<const DispatchPlan>> plan_for(
      std::shared_ptr<const RelayConfig> config) const = 0;
  virtual void publish(std::shared_ptr<const DispatchPlan> plan) = 0;

  // From the reader threads at start: places recovered envelopes at their homes.
  virtual void recover(std::vector<spool::WaitingEnvelope> envelopes) = 0;
};

}  // namespace sluice::relay
