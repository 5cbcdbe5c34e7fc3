// AttemptResult: what one attempt meant for each recipient of an envelope. Handed alike to the
// queues (retry or not), the spool (what to record) and the log.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.h"
#include "smtp/client_session.h"
#include "smtp/reply.h"
#include "spool/message_id.h"

namespace sluice::relay {

enum class RecipientOutcome : std::uint8_t {
  delivered,  // the peer took responsibility
  failed,     // 5xx to MAIL, RCPT or end of data
  deferred,   // to be retried
};

struct RecipientAttempt {
  std::uint16_t position;  // in the envelope
  std::string recipient;
  RecipientOutcome outcome;
  smtp::Reply reply;  // code 0 where there was none
  smtp::ReplyStage stage;
  bool is_next_transaction = false;  // "too many recipients": again at once, no attempt used
};

// Whether the attempt counts towards the retry schedule.
enum class AttemptCounts : std::uint8_t { yes, no };

struct AttemptResult {
  spool::EnvelopeKey key;
  std::vector<RecipientAttempt> recipients;  // those that were pending
  AttemptCounts counts;
  std::string route = {};           // name of the route, for logs
  std::string host = {};            // "name[address]:port"
  std::string tls = {};             // "TLSv1.3"; "none"
  std::string error = {};           // what broke, where no reply says it
  bool duplicate_possible = false;  // broken after the end of the message was sent
  Duration duration{0};
  bool is_broken = false;     // the connection died: tried again soon
  smtp::Reply lockout = {};   // to MAIL: it wants another login or TLS; code 0: it does not
  bool is_throttled = false;  // a 421 or 4xx that speaks of rate; lowers the pipeline depth
};

// Whether the peer has answered for the message, with anything but a farewell.
bool is_served(const AttemptResult& attempt);

// One transaction's part of an attempt goes into the whole. Only what is deferred can use an
// attempt up: a peer that took some recipients and left before the others were tried cost them
// nothing.
void merge(AttemptResult part, AttemptResult& whole);

// Takes out the recipients that have ended; the others stay. What is taken uses no attempt.
AttemptResult take_ended(AttemptResult& attempt);

// Fills in what a transaction meant for attempt.recipients, which name those it was sent to.
void judge(const smtp::TransactionResult& result, AttemptResult& attempt);

}  // namespace sluice::relay
