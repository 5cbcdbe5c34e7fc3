// Handover: a complete transaction in the two forms in which it goes on: to the spool, and to the
// dispatcher. It decides nothing and keeps nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "relay/dispatcher.h"
#include "relay/message_class.h"
#include "relay/recipient_groups.h"
#include "spool/spool.h"

namespace sluice::relay {

struct Handover {
  spool::NewMessage message;
  std::vector<FreshEnvelope> envelopes;  // their bodies are set once they are stored
  std::uint32_t envelope_size = 0;       // of each, in bytes of the spool
};

// What a message is, beside its recipients and its body.
struct HandoverFacts {
  spool::MessageId id;
  MessageMetadata metadata;
  MessageClass klass = MessageClass::bulk;
  WallTime now{0};
  WallTime expiry{0};
  std::string tenant;  // of the queues; empty: none
};

Handover make_handover(spool::Spool& spool, HandoverFacts facts, std::vector<RecipientGroup> groups,
                       std::unique_ptr<spool::IncomingBody> body);

}  // namespace sluice::relay
