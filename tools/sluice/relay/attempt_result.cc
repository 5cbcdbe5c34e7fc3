#include "relay/attempt_result.h"

#include <algorithm>

namespace sluice::relay {
namespace {

using smtp::EnhancedStatus;
using smtp::TransactionEnd;
using smtp::TransactionResult;

constexpr int kClosingCode = 421;  // RFC 5321 §3.8

// RFC 5321 §4.5.3.1.10: 452, or 552 from old servers, means that the rest goes in a next
// transaction. An enhanced code may say that the reason is another one, like a full disk.
bool is_too_many_recipients(const smtp::Reply& reply) {
  if (reply.code != 452 && reply.code != 552) return false;
  if (!reply.enhanced.is_present()) return reply.code == 452;
  return reply.enhanced.subject == 5 && reply.enhanced.detail == 3;
}

// RFC 4954 §6, RFC 3207 §4: the host wants a login, another one, or TLS. That is nothing of the
// message.
bool is_lockout(const TransactionResult::Verdict& verdict) {
  const int code = verdict.reply.code;
  return verdict.stage == smtp::ReplyStage::mail &&
         (code == 530 || code == 534 || code == 535 || code == 538);
}

// What hosts say who take no more for now: 421, or a 4xx whose code is about policy (X.7.x, RFC
// 3463 §3.8), congestion (X.4.5) or a system that accepts nothing at the moment (X.3.2).
bool is_throttling(const smtp::Reply& reply) {
  if (reply.code == kClosingCode) return true;
  if (!reply.is_transient() || !reply.enhanced.is_present()) return false;
  const auto& code = reply.enhanced;
  return code.subject == 7 || (code.subject == 4 && code.detail == 5) ||
         (code.subject == 3 && code.detail == 2);
}

RecipientOutcome outcome_of(const smtp::Reply& reply) {
  if (reply.is_completion()) return RecipientOutcome::delivered;
  return reply.is_permanent() ? RecipientOutcome::failed : RecipientOutcome::deferred;
}

void judge_answer(const TransactionResult::Verdict& verdict, RecipientAttempt& attempt) {
  attempt.reply = verdict.reply;
  attempt.stage = verdict.stage;
  attempt.outcome = outcome_of(verdict.reply);
  if (verdict.stage == smtp::ReplyStage::recipient && is_too_many_recipients(verdict.reply)) {
    attempt.outcome = RecipientOutcome::deferred;
    attempt.is_next_transaction = true;
  }
}

}  // namespace

bool is_served(const AttemptResult& attempt) {
  if (attempt.lockout.code != 0) return false;
  return std::ranges::any_of(attempt.recipients, [](const RecipientAttempt& recipient) {
    return recipient.reply.code != 0 && recipient.reply.code != kClosingCode;
  });
}

void judge(const TransactionResult& result, AttemptResult& attempt) {
  attempt.error = result.error;
  attempt.counts = AttemptCounts::no;
  attempt.duplicate_possible = result.end == TransactionEnd::ambiguous;
  for (std::size_t i = 0; i < attempt.recipients.size(); ++i) {
    RecipientAttempt& recipient = attempt.recipients[i];
    const bool is_locked_out =
        result.end == TransactionEnd::answered && is_lockout(result.recipients[i]);
    if (is_locked_out) {
      recipient.reply = result.recipients[i].reply;
      attempt.lockout = recipient.reply;
    } else if (result.end == TransactionEnd::answered) {
      judge_answer(result.recipients[i], recipient);
    } else {
      recipient.reply = result.verdict.reply;
      recipient.stage = result.verdict.stage;
      recipient.outcome = result.end == TransactionEnd::cannot_send ? RecipientOutcome::failed
                                                                    : RecipientOutcome::deferred;
    }
    const bool is_used = !is_locked_out && result.end != TransactionEnd::not_attempted &&
                         result.end != TransactionEnd::body_failed &&
                         !recipient.is_next_transaction;
    if (is_used) attempt.counts = AttemptCounts::yes;
    if (is_throttling(recipient.reply)) attempt.is_throttled = true;
  }
  attempt.is_broken = result.end == TransactionEnd::unknown ||
                      result.end == TransactionEnd::ambiguous ||
                      result.end == TransactionEnd::body_failed;
}

void merge(AttemptResult part, AttemptResult& whole) {
  const bool is_left = std::ranges::any_of(part.recipients, [](const RecipientAttempt& one) {
    return one.outcome == RecipientOutcome::deferred;
  });
  if (part.counts == AttemptCounts::yes && is_left) whole.counts = AttemptCounts::yes;
  for (RecipientAttempt& recipient : part.recipients) {
    whole.recipients.push_back(std::move(recipient));
  }
  whole.is_broken = whole.is_broken || part.is_broken;
  whole.is_throttled = whole.is_throttled || part.is_throttled;
  if (part.lockout.code != 0) whole.lockout = std::move(part.lockout);
  whole.duplicate_possible = whole.duplicate_possible || part.duplicate_possible;
  whole.duration += part.duration;
  if (!part.error.empty()) whole.error = std::move(part.error);
}

AttemptResult take_ended(AttemptResult& attempt) {
  AttemptResult ended{.key = attempt.key,
                      .recipients = {},
                      .counts = AttemptCounts::no,
                      .route = attempt.route,
                      .host = attempt.host,
                      .tls = attempt.tls,
                      .duration = attempt.duration};
  std::vector<RecipientAttempt> left;
  for (RecipientAttempt& recipient : attempt.recipients) {
    const bool has_ended = recipient.outcome != RecipientOutcome::deferred;
    (has_ended ? ended.recipients : left).push_back(std::move(recipient));
  }
  attempt.recipients = std::move(left);
  return ended;
}

}  // namespace sluice::relay
