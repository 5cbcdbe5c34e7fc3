// Spool: what we promised to keep. Accepts messages durably, gives them back, records what became
// of their envelopes, and finds them again after a start.
//
// Each partition is an LMDB environment with one committer thread and one reader thread. Shards
// call the verbs below and are answered through their mailboxes; no shard touches LMDB. The spool
// knows no SMTP: metadata are opaque bytes.
//
// Contract (docs/architecture.md, "What the spool promises"): accept() returns only when the
// message is on disk; an outcome that was recorded but not committed at a crash is forgotten, so
// the envelope is attempted again; a damaged body is never returned; a full disk refuses new mail
// and nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/executor.h"
#include "core/ids.h"
#include "core/metrics.h"
#include "core/task.h"
#include "spool/ledger.h"
#include "spool/message_id.h"
#include "spool/queue_names.h"

namespace sluice {
class Shard;
}

namespace sluice::spool {

inline constexpr std::size_t kBodyPartBytes = 1 << 20;  // longer bodies are stored in parts of this
inline constexpr std::size_t kEnvelopesPerMessageMax = 1000;
inline constexpr std::size_t kRecipientsPerEnvelopeMax = 1000;
inline constexpr std::size_t kMetadataBytesMax = 512 * 1024;
inline constexpr std::size_t kAttemptReplyBytesMax = 512;
inline constexpr std::size_t kAttemptsKept = 10;

struct SpoolSettings {
  std::string directory;
  unsigned partitions = 0;             // 0: one per four cores
  ByteCount size = gibibytes(64);      // map of each partition
  ByteCount disk_free = gibibytes(1);  // below it: storage_full
  unsigned reserved_percent = 0;       // of both, for Space::reserved; at most 90
  // How long a pack lies nearly empty before what is left in it is moved; most end by themselves.
  Duration compaction_delay = std::chrono::seconds(10);
  // How long no envelope uses a queue's name before it is forgotten: once to twice this.
  Duration queue_idle = std::chrono::minutes(10);
};

// One envelope of a new message.
struct NewEnvelope {
  QueueHold queue;           // "campaign:tenant@domain"
  std::string metadata;      // opaque: recipients
  std::uint16_t recipients;  // how many
  std::uint8_t klass;
  WallTime next_attempt;
  WallTime expiry;
};

// A body on its way in. Up to kBodyPartBytes it lies in memory; what exceeds it is stored in parts
// while it arrives. Lives on one shard. Destroyed without accept(), its parts are removed.
class IncomingBody {
 public:
  virtual ~IncomingBody() = default;
  // Usually returns without suspending. out_of_budget, storage_full, storage_failed.
  virtual Task<Result<void>> append(std::string_view bytes) = 0;
  virtual std::uint64_t size() const = 0;
};

// Who may use the reserved part of the spool: the last of the map and of the disk.
enum class Space : std::uint8_t { ordinary, reserved };

// Where a message comes from: a client, or the relay itself.
enum class Origin : std::uint8_t { received, generated };

struct NewMessage {
  MessageId id;
  std::string metadata;  // opaque, shared by the envelopes: reverse-path, trace header
  std::vector<NewEnvelope> envelopes;
  std::unique_ptr<IncomingBody> body;
  std::vector<LedgerEntry> ledger = {};  // added to its counters, by the same commit
  Origin origin = Origin::received;      // as which its recipients are counted
};

struct AcceptedMessage {
  MessageId id;
  // The body where it lies in memory whole (at most kBodyPartBytes), so that it can be sent
  // without reading it back; null otherwise. May be dropped at any time.
  std::shared_ptr<const ByteChain> body;
};

// One past attempt, as it is kept with the envelope.
struct AttemptNote {
  WallTime time;
  std::string host;    // name and address of the peer
  std::string source;  // our address, empty where the system chose
  std::string reply;   // cut at kAttemptReplyBytesMax
};

// How many recipients an outcome ended, by how.
struct EndedRecipients {
  std::uint32_t delivered = 0;
  std::uint32_t bounced = 0;
  std::uint32_t expired = 0;
  std::uint32_t removed = 0;
  std::uint32_t total() const { return delivered + bounced + expired + removed; }
};

// What became of an envelope in one attempt.
struct EnvelopeOutcome {
  EnvelopeKey key;
  std::vector<std::uint16_t> ended;  // positions of the recipients that ended now
  EndedRecipients counts;            // their number by kind; total() == ended.size()
  // What stays pending (ignored when every recipient has ended):
  std::uint16_t attempts = 0;
  WallTime next_attempt = WallTime(0);
  std::optional<AttemptNote> note;
};

// An envelope as the queues need it: no recipients, no body.
struct WaitingEnvelope {
  EnvelopeKey key;
  std::uint8_t klass;
  std::uint32_t queue;  // number; names by queue_name()
  WallTime next_attempt;
  WallTime expiry;
  std::uint16_t attempts;
  std::uint16_t recipients_pending;
  std::uint32_t size;  // its part of what the message takes in the spool, in bytes
};
static_assert(sizeof(MessageId) == 16);

// An envelope read back for an attempt.
struct StoredEnvelope {
  std::string message_metadata;
  std::string envelope_metadata;
  std::vector<bool> ended;  // by recipient position
  std::uint64_t body_bytes = 0;
  std::uint32_t body_parts = 0;  // 0: `body` holds it; else read_part()
  std::shared_ptr<const ByteChain> body;
};

// For `sluice queue show`.
struct EnvelopeDetails {
  WaitingEnvelope waiting;
  std::string queue;
  std::string message_metadata;
  std::string envelope_metadata;
  std::vector<bool> ended;
  std::uint64_t body_bytes = 0;
  std::vector<AttemptNote> attempts;  // oldest first
};

// Recipients, by what became of them. received = the sum of the others, at every commit.
struct Accounting {
  std::uint64_t received = 0, generated = 0;
  std::uint64_t delivered = 0, bounced = 0, expired = 0, removed = 0, suppressed = 0;
  std::uint64_t quarantined = 0, queued = 0;
};

enum class ReadBody : std::uint8_t { yes, no };

// What an envelope of this message counts for, in bytes: as WaitingEnvelope::size.
std::uint32_t envelope_size(const NewMessage& message);

class Spool {
 public:
  // Locks the directory (created with mode 0750), opens every partition found, creates what the
  // settings ask for. The sentences of its errors say what to do. `budget` is charged for bodies
  // in reception, `read_budget` for bodies read back.
  static Result<std::unique_ptr<Spool>> open(const SpoolSettings& settings, Executor& executor,
                                             MemoryBudget& budget, MemoryBudget& read_budget);
  virtual ~Spool() = default;  // asserts stop()

  // Starts committers and readers. Recovered envelopes come in batches on the reader threads, then
  // on_recovered once. on_fatal is called when LMDB can no longer be used and what waited has been
  // answered: the process must end.
  struct Callbacks {
    std::function<void(std::vector<WaitingEnvelope>)> on_envelopes;
    std::function<void()> on_recovered;
    std::function<void(Error)> on_fatal;
    // An envelope whose stored bytes are damaged was quarantined.
    std::function<void(EnvelopeKey, std::string)> on_quarantined;
  };
  virtual void start(Callbacks callbacks) = 0;

  // The partition that serves a shard's new mail.
  virtual PartitionId partition_of(ShardId shard) const = 0;

  // Whether new mail is taken: false at 90 % of the map or below disk_free; for ordinary mail,
  // reserved_percent before that. Cheap; any thread.
  virtual bool has_room(Space space) const = 0;
  // Another SpoolSettings::disk_free, in a moment. Any thread.
  virtual void set_disk_free(ByteCount bytes) = 0;

  virtual std::unique_ptr<IncomingBody> begin_body(Shard& shard, MessageId id) = 0;

  // Stores the message and returns when it is on disk. Owns it; no deadline; cannot be cancelled.
  // storage_full: nothing was stored, answer 452. storage_failed: 451.
  virtual Task<Result<AcceptedMessage>> accept(Shard& shard, NewMessage message) = 0;

  // Reads an envelope for an attempt. not_found when it has ended; corrupt when it is damaged (it
  // is then quarantined); out_of_budget: try again when a body was released.
  virtual Task<Result<StoredEnvelope>> read(Shard& shard, EnvelopeKey key, ReadBody body) = 0;
  virtual Task<Result<std::shared_ptr<const ByteChain>>> read_part(Shard& shard, EnvelopeKey key,
                                                                   std::uint32_t part) = 0;

  // Hands an outcome over; it becomes durable within about 20 ms. Returns at once unless the bound
  // on outcomes not yet committed is reached.
  virtual Task<Result<void>> record(Shard& shard, EnvelopeOutcome outcome) = 0;

  // Returns when everything handed over before is durable.
  virtual Task<Result<void>> flush(Shard& shard) = 0;

  // All envelopes of a message that are queued; not_found when none is.
  virtual Task<Result<std::vector<EnvelopeDetails>>> inspect(Shard& shard, MessageId id) = 0;

  // Sets a counter; an amount of 0 removes it. Returns when that is on disk. Cannot be cancelled.
  virtual Task<Result<void>> set_ledger(Shard& shard, LedgerEntry entry) = 0;
  // Every counter as it stood when the spool was opened, by its name, what expired left out.
  virtual const std::vector<LedgerEntry>& ledger_at_start() const = 0;

  // Number and name of queues: "campaign:tenant@domain". The number of a new envelope is good while
  // that is stored, and SpoolSettings::queue_idle longer; then it is the name of nothing: empty.
  // Any thread.
  virtual QueueHold hold_queue(std::string_view name) = 0;
  virtual std::string queue_name(std::uint32_t number) const = 0;

  virtual Accounting accounting() const = 0;  // as of the last commit; any thread
  virtual std::vector<const MetricRegistry*> metrics() const = 0;

  // Ends the threads after a last commit. Shards must no longer wait for the spool.
  virtual void stop() = 0;
};

}  // namespace sluice::spool
