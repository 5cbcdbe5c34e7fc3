#include "relay/handover.h"

#include <utility>

#include "relay/queue_name.h"

namespace sluice::relay {

Handover make_handover(spool::Spool& spool, HandoverFacts facts, std::vector<RecipientGroup> groups,
                       std::unique_ptr<spool::IncomingBody> body) {
  const auto message = std::make_shared<const MessageMetadata>(std::move(facts.metadata));
  const auto klass = static_cast<std::uint8_t>(facts.klass);
  Handover handover{.message = {.id = facts.id,
                                .metadata = encode(*message),
                                .envelopes = {},
                                .body = std::move(body)},
                    .envelopes = {}};
  for (RecipientGroup& group : groups) {
    const auto recipients = static_cast<std::uint16_t>(group.recipients.size());
    const auto ordinal = static_cast<std::uint16_t>(handover.envelopes.size());
    EnvelopeMetadata metadata{
        .recipients = std::move(group.recipients), .dsn = std::move(group.dsn), .unknown = {}};
    spool::QueueHold queue = spool.hold_queue(to_string(QueueName{
        .campaign = message->sender.campaign, .tenant = facts.tenant, .domain = group.domain}));
    handover.envelopes.push_back(
        FreshEnvelope{.waiting = {.key = {.message = facts.id, .ordinal = ordinal},
                                  .klass = klass,
                                  .queue = queue.number(),
                                  .next_attempt = facts.now,
                                  .expiry = facts.expiry,
                                  .attempts = 0,
                                  .recipients_pending = recipients,
                                  .size = 0},
                      .message = message,
                      .recipients = {},
                      .body = nullptr});
    handover.message.envelopes.push_back(spool::NewEnvelope{.queue = std::move(queue),
                                                            .metadata = encode(metadata),
                                                            .recipients = recipients,
                                                            .klass = klass,
                                                            .next_attempt = facts.now,
                                                            .expiry = facts.expiry});
    handover.envelopes.back().recipients = std::move(metadata.recipients);
    handover.envelopes.back().dsn = std::move(metadata.dsn);
  }
  handover.envelope_size = spool::envelope_size(handover.message);
  for (FreshEnvelope& envelope : handover.envelopes) envelope.waiting.size = handover.envelope_size;
  return handover;
}

}  // namespace sluice::relay
