// delivery: one attempt of one envelope over one session.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "core/task.h"
#include "relay/attempt_result.h"
#include "relay/envelope_codec.h"
#include "smtp/client_session.h"
#include "spool/spool.h"

namespace sluice::relay {

inline constexpr std::size_t kRecipientsPerTransaction = 100;

// An envelope in the form in which it is sent.
struct LoadedEnvelope {
  spool::WaitingEnvelope waiting;
  std::shared_ptr<const MessageMetadata> message;
  std::vector<std::string> recipients;  // all, by position
  std::vector<PositionedDsn> dsn = {};  // what the sender wants to hear of them
  std::vector<std::uint16_t> pending;   // positions
  std::uint64_t body_bytes = 0;
  std::uint32_t body_parts = 0;  // 0: `body` holds it
  std::shared_ptr<const ByteChain> body;
  bool goes_alone = false;                                     // nothing else in its flight
  std::size_t recipients_at_once = kRecipientsPerTransaction;  // fewer where the peer said so
};

// Reads what the attempt needs from the spool.
Task<Result<LoadedEnvelope>> load_envelope(Shard& shard, spool::Spool& spool,
                                           spool::WaitingEnvelope waiting, spool::ReadBody body);

// Sends it in one transaction, to as many of the pending recipients as that takes, and says what
// became of each. Who is still pending goes in the next one.
Task<AttemptResult> deliver_some(Shard& shard, spool::Spool& spool, smtp::ClientSession& session,
                                 LoadedEnvelope& envelope);

}  // namespace sluice::relay
