#include "relay/delivery.h"

#include <algorithm>
#include <utility>

#include "core/assert.h"
#include "core/shard.h"

namespace sluice::relay {
namespace {

// The trace header, then the body: from memory at once, or part by part. What goes alone has its
// first part read before anything is sent: where memory is short, it leaves the connection to those
// whose bodies lie in memory.
class EnvelopeBody final : public smtp::OutgoingBody {
 public:
  EnvelopeBody(Shard& shard, spool::Spool& spool, const LoadedEnvelope& envelope)
      : shard_(shard), spool_(spool), envelope_(envelope) {}

  std::uint64_t size() const override {
    return envelope_.message->trace_header.size() + envelope_.body_bytes;
  }

  Task<Result<std::span<const std::string_view>>> next() override {
    pieces_.clear();
    const bool is_first = !std::exchange(has_begun_, true);
    if (is_first) {
      pieces_.push_back(envelope_.message->trace_header);
      if (envelope_.body_parts == 0 && envelope_.body != nullptr) append(*envelope_.body);
    }
    const bool takes_part = !is_first || envelope_.goes_alone;
    if (takes_part && next_part_ < envelope_.body_parts) {
      part_.reset();  // first, or two parts must fit into the budget at once
      SLUICE_CO_TRY(part, co_await spool_.read_part(shard_, envelope_.waiting.key, next_part_));
      ++next_part_;
      part_ = std::move(part);
      append(*part_);
    }
    co_return std::span<const std::string_view>(pieces_);
  }

 private:
  void append(const ByteChain& chain) {
    for (std::size_t i = 0; i < chain.piece_count(); ++i) pieces_.push_back(chain.piece(i));
  }

  Shard& shard_;
  spool::Spool& spool_;
  const LoadedEnvelope& envelope_;
  bool has_begun_ = false;
  std::uint32_t next_part_ = 0;
  std::shared_ptr<const ByteChain> part_;
  std::vector<std::string_view> pieces_;
};

void append_recipient(const LoadedEnvelope& envelope, std::uint16_t position,
                      AttemptResult& attempt) {
  attempt.recipients.push_back(RecipientAttempt{.position = position,
                                                .recipient = envelope.recipients[position],
                                                .outcome = RecipientOutcome::deferred,
                                                .reply = {},
                                                .stage = smtp::ReplyStage::mail});
}

// Takes out the recipients for a next transaction. A peer that had too many before it took any
// would say so for ever: then they are deferred, and the attempt counts.
std::vector<std::uint16_t> take_postponed(AttemptResult& part) {
  const auto is_postponed = [](const RecipientAttempt& one) { return one.is_next_transaction; };
  std::vector<std::uint16_t> postponed;
  for (const RecipientAttempt& recipient : part.recipients) {
    if (is_postponed(recipient)) postponed.push_back(recipient.position);
  }
  if (postponed.size() == part.recipients.size()) {
    part.counts = AttemptCounts::yes;
    return {};
  }
  std::erase_if(part.recipients, is_postponed);
  return postponed;
}

}  // namespace

Task<Result<LoadedEnvelope>> load_envelope(Shard& shard, spool::Spool& spool,
                                           spool::WaitingEnvelope waiting, spool::ReadBody body) {
  SLUICE_CO_TRY(stored, co_await spool.read(shard, waiting.key, body));
  SLUICE_CO_TRY(message, decode_message_metadata(stored.message_metadata));
  SLUICE_CO_TRY(metadata, decode_envelope_metadata(stored.envelope_metadata));
  LoadedEnvelope loaded{.waiting = waiting,
                        .message = std::make_shared<const MessageMetadata>(std::move(message)),
                        .recipients = std::move(metadata.recipients),
                        .dsn = std::move(metadata.dsn),
                        .pending = {},
                        .body_bytes = stored.body_bytes,
                        .body_parts = stored.body_parts,
                        .body = std::move(stored.body)};
  for (std::size_t i = 0; i < loaded.recipients.size(); ++i) {
    const bool has_ended = i < stored.ended.size() && stored.ended[i];
    if (!has_ended) loaded.pending.push_back(static_cast<std::uint16_t>(i));
  }
  loaded.waiting.recipients_pending = static_cast<std::uint16_t>(loaded.pending.size());
  co_return loaded;
}

Task<AttemptResult> deliver_some(Shard& shard, spool::Spool& spool, smtp::ClientSession& session,
                                 LoadedEnvelope& envelope) {
  SLUICE_ASSERT(!envelope.pending.empty(), "somebody is to get it");
  const Instant start = shard.clock().now();
  std::vector<std::uint16_t>& left = envelope.pending;
  std::size_t count = std::min(envelope.recipients_at_once, left.size());
  const std::size_t peer_max = session.extensions().recipients_max;
  if (peer_max != 0) count = std::min(count, peer_max);
  AttemptResult part{.key = envelope.waiting.key, .recipients = {}, .counts = AttemptCounts::no};
  EnvelopeBody body(shard, spool, envelope);
  smtp::OutgoingMessage message{.reverse_path = envelope.message->reverse_path,
                                .recipients = {},
                                .recipient_dsn = {},
                                .dsn = envelope.message->dsn,
                                .body_type = envelope.message->body_type,
                                .body = &body};
  for (std::size_t i = 0; i < count; ++i) {
    append_recipient(envelope, left[i], part);
    message.recipients.push_back(envelope.recipients[left[i]]);
  }
  for (const PositionedDsn& wish : envelope.dsn) {
    const auto end = left.begin() + static_cast<std::ptrdiff_t>(count);
    const auto at = std::find(left.begin(), end, wish.position);
    if (at == end) continue;
    message.recipient_dsn.resize(count);
    message.recipient_dsn[static_cast<std::size_t>(at - left.begin())] = wish.dsn;
  }
  const auto result = co_await session.send(std::move(message));
  judge(result, part);
  const auto postponed = take_postponed(part);
  if (!postponed.empty()) envelope.recipients_at_once = count - postponed.size();
  left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(count));
  left.insert(left.begin(), postponed.begin(), postponed.end());
  part.duration = shard.clock().now() - start;
  co_return part;
}

}  // namespace sluice::relay
