// Inspection: everything about the queued envelopes of one message, for `sluice queue show`. It is
// asked rarely and reads no body. The reader's, on its thread.
#pragma once

#include <vector>

#include "spool/outcome_log.h"
#include "spool/queue_names.h"
#include "spool/spool.h"
#include "spool/transaction.h"

namespace sluice::spool {

// not_found: none is queued. Damaged envelopes are left out: reading them for an attempt will tell.
Result<std::vector<EnvelopeDetails>> inspect_message(const Environment& environment,
                                                     const OutcomeLog& outcomes,
                                                     const QueueNames& names,
                                                     const MessageId& message);

}  // namespace sluice::spool
