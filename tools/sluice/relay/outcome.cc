#include "relay/outcome.h"

#include <algorithm>

#include "core/log.h"
#include "shaping/retry_schedule.h"

namespace sluice::relay {
namespace {

// A broken connection says little about the message: it is tried again sooner than a deferral.
constexpr Duration kBrokenWaitFirst = std::chrono::seconds(1);
constexpr unsigned kBrokenDoublingsMax = 12;

Duration wait_of(const AttemptResult& attempt, const RetrySettings& retry, unsigned attempts,
                 double chance) {
  if (attempt.counts == AttemptCounts::no) {
    return attempt.is_broken ? kBrokenWaitFirst : Duration(0);
  }
  const shaping::RetrySchedule schedule{
      .first = retry.first, .factor = retry.factor, .max = retry.max};
  const Duration wait = shaping::retry_wait(schedule, attempts);
  if (!attempt.is_broken) return shaping::with_jitter(wait, chance);
  return std::min(wait, kBrokenWaitFirst * (1u << std::min(attempts, kBrokenDoublingsMax)));
}

const RecipientAttempt* first_deferred(const AttemptResult& attempt) {
  const auto found =
      std::ranges::find(attempt.recipients, RecipientOutcome::deferred, &RecipientAttempt::outcome);
  return found == attempt.recipients.end() ? nullptr : &*found;
}

}  // namespace

Outcome outcome_of(const AttemptResult& attempt, const spool::WaitingEnvelope& waiting,
                   const RetrySettings& retry, WallTime now, double chance) {
  Outcome outcome{.record = {.key = waiting.key, .ended = {}, .counts = {}, .note = {}},
                  .is_recorded = true,
                  .is_ended = false};
  for (const RecipientAttempt& recipient : attempt.recipients) {
    if (recipient.outcome == RecipientOutcome::deferred) continue;
    outcome.record.ended.push_back(recipient.position);
    const bool is_delivered = recipient.outcome == RecipientOutcome::delivered;
    ++(is_delivered ? outcome.record.counts.delivered : outcome.record.counts.bounced);
  }
  outcome.is_ended = outcome.record.ended.size() == waiting.recipients_pending;
  const bool is_used = attempt.counts == AttemptCounts::yes;
  const unsigned attempts = waiting.attempts + (is_used ? 1u : 0u);
  outcome.wait = wait_of(attempt, retry, attempts, chance);
  outcome.goes_alone = attempt.is_broken;
  outcome.record.attempts = static_cast<std::uint16_t>(std::min(attempts, 65535u));
  outcome.record.next_attempt = now + outcome.wait;
  outcome.is_recorded = is_used || !outcome.record.ended.empty();
  if (const RecipientAttempt* deferred = first_deferred(attempt); deferred != nullptr && is_used) {
    std::string reply = deferred->reply.code != 0 ? deferred->reply.to_string() : attempt.error;
    reply.resize(std::min(reply.size(), spool::kAttemptReplyBytesMax));
    outcome.record.note = spool::AttemptNote{
        .time = now, .host = attempt.host, .source = {}, .reply = std::move(reply)};
  }
  return outcome;
}

Outcome expiry_of(const spool::WaitingEnvelope& waiting, std::vector<std::uint16_t> positions) {
  Outcome outcome{.record = {.key = waiting.key, .ended = {}, .counts = {}, .note = {}},
                  .is_recorded = true,
                  .is_ended = true};
  outcome.record.counts.expired = static_cast<std::uint32_t>(positions.size());
  outcome.record.ended = std::move(positions);
  return outcome;
}

void log_attempt(const AttemptResult& attempt, DeliveryMetrics& metrics) {
  metrics.attempt_seconds.observe(attempt.duration);
  if (attempt.duplicate_possible) metrics.duplicates_possible.add();
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(attempt.duration).count();
  for (const RecipientAttempt& recipient : attempt.recipients) {
    const bool is_delivered = recipient.outcome == RecipientOutcome::delivered;
    if (is_delivered) metrics.delivered.add();
    if (recipient.outcome == RecipientOutcome::failed) metrics.failed.add();
    if (recipient.outcome == RecipientOutcome::deferred) metrics.deferred.add();
    if (!is_logged(LogLevel::info)) continue;
    const std::string id = attempt.key.message.to_string();
    const std::string reply =
        recipient.reply.code != 0 ? recipient.reply.to_string() : attempt.error;
    const std::string_view event = is_delivered ? "delivery_succeeded"
                                   : recipient.outcome == RecipientOutcome::failed
                                       ? "recipient_failed"
                                       : "delivery_deferred";
    SLUICE_LOG(info, event, {"id", id}, {"recipient", recipient.recipient},
               {"route", attempt.route}, {"host", attempt.host}, {"tls", attempt.tls},
               {"reply", reply}, {"answered", name_of(recipient.stage)},
               {"duplicate_possible", attempt.duplicate_possible ? "yes" : "no"},
               {"milliseconds", milliseconds});
  }
}

}  // namespace sluice::relay
