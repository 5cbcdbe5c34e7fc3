#include "spool/committer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/assert.h"
#include "core/log.h"
#include "spool/batch.h"

namespace sluice::spool {

namespace {

// Under constant load housekeeping gets this share of the commits.
constexpr unsigned kCommitsPerHousekeeping = 16;
// Outcomes that are committed one by one in a step, when the disk is full.
constexpr std::size_t kSingleOutcomesPerStep = 64;
constexpr Duration kAnswerRetryInterval = std::chrono::milliseconds(1);
constexpr Duration kHousekeepingRetryInterval = std::chrono::seconds(1);
// From a failure that ends the process until it is told: the senders get their 451 first.
constexpr Duration kLastAnswersTime = std::chrono::milliseconds(250);

std::size_t bytes_of(const AcceptRequest& message) {
  return message.metadata.size() + (message.body != nullptr ? message.body->size() : 0);
}

}  // namespace

Committer::Committer(const Environment& environment, PartitionState state,
                     const CommitterSettings& settings)
    : environment_(environment),
      state_(std::move(state)),
      metrics_(registry_),
      space_(environment, settings.disk_free, settings.reserved_percent),
      growth_(environment),
      housekeeping_(state_.census, settings.compaction_delay, settings.queue_idle),
      accounting_(state_.accounting) {
  space_.check(clock_.now());
  metrics_.queued_recipients.set(static_cast<std::int64_t>(accounting_.queued));
  metrics_.queue_names.set(static_cast<std::int64_t>(state_.census.queues().size()));
}

void Committer::attach(Worker* worker) {
  worker_.store(worker);
  if (worker != nullptr) worker->wake();
}

void Committer::wake() {
  if (auto* const worker = worker_.load(); worker != nullptr) worker->wake();
}

void Committer::record(EnvelopeOutcome outcome) {
  if (outcomes_.push(std::move(outcome), clock_.now())) wake();
}

Accounting Committer::accounting() const {
  const std::lock_guard lock(accounting_mutex_);
  return accounting_;
}

Instant Committer::step() {
  const auto now = clock_.now();
  answers_.flush();
  take_work();
  if (death_) {
    refuse_everything();
    if (now >= death_told_at_) tell_death();
    return sleep(now, is_death_told_ ? Instant::far_future() : death_told_at_);
  }
  space_.check_if_due(now);
  const bool is_house_due = housekeeping_.due(now) <= now;
  const bool is_mail_due = due(now) <= now;
  if (is_house_due && (!is_mail_due || commits_since_housekeeping_ >= kCommitsPerHousekeeping)) {
    keep_house(now);
    return now;
  }
  if (is_mail_due) {
    commit_round(now);
    return now;
  }
  return sleep(now, std::min(due(now), housekeeping_.due(now)));
}

void Committer::take_work() {
  intake_.take_into(backlog_);
  housekeeping_.add(std::exchange(backlog_.housekeeping, {}));
  housekeeping_.look(clock_.now());
}

CommitPacing::Load Committer::load() const {
  CommitPacing::Load load{.messages = backlog_.messages.size(), .bytes = 0};
  if (load.messages >= pacing_.messages_enough()) return load;  // their bytes no longer matter
  for (const auto& message : backlog_.messages) load.bytes += bytes_of(*message);
  return load;
}

// When the next commit of mail starts.
Instant Committer::due(Instant now) {
  const bool is_urgent =
      !backlog_.flushes.empty() || !backlog_.parts.empty() || !backlog_.ledger.empty();
  if (is_finishing_ || is_urgent) return now;
  Instant due = Instant::far_future();
  if (!backlog_.messages.empty()) {
    due = pacing_.due(now, load());
  }
  if (const auto oldest = outcomes_.oldest(); oldest) {
    const bool is_much = outcomes_.size() >= kOutcomesPendingMax / 2;
    const auto outcomes_due = is_much ? now : *oldest + kOutcomeAgeMax;
    due = std::min(due, std::max(outcomes_due, outcomes_postponed_until_));
  }
  return due;
}

Instant Committer::sleep(Instant now, Instant until) {
  std::size_t messages = 1;
  std::size_t bytes = 1;
  if (!backlog_.messages.empty()) {
    const auto waiting = load();
    const auto enough = pacing_.messages_enough();
    messages = enough - std::min(waiting.messages, enough - 1);
    bytes = CommitPacing::kBytesEnough - std::min(waiting.bytes, CommitPacing::kBytesEnough - 1);
  }
  if (!intake_.prepare_sleep(messages, bytes)) return now;
  if (!answers_.flush()) until = std::min(until, now + kAnswerRetryInterval);
  if (!space_.has_room(Space::ordinary)) until = std::min(until, space_.next_check());
  return until;
}

void Committer::commit_round(Instant now) {
  auto round = gather(now);
  pacing_.started(now, round.messages.size());
  ++commits_since_housekeeping_;
  commits_since_outcomes_ = round.outcomes.empty() ? commits_since_outcomes_ + 1 : 0;
  const bool is_empty = round.messages.empty() && round.parts.empty() && round.ledger.empty() &&
                        round.outcomes.empty();
  if (is_empty) {
    answer(std::move(round), Result<void>());  // flushes of nothing
    return;
  }
  const auto written = write(round);
  if (written) {
    settle(std::move(round));
  } else {
    settle_failure(std::move(round), written.error(), now);
  }
  take_work();
  pacing_.answered(backlog_.messages.size());
  metrics_.commit_seconds.observe(clock_.now() - now);
}

Committer::Round Committer::gather(Instant now) {
  Round round;
  Round refused;
  gather_parts(round, refused);
  gather_messages(round, refused);
  if (!refused.parts.empty() || !refused.messages.empty()) {
    space_.refused();
    answer(std::move(refused), fail(ErrorCode::storage_full, "the spool is full"));
  }
  const bool takes_outcomes = !backlog_.flushes.empty() || outcomes_are_due(now);
  round.flushes = std::exchange(backlog_.flushes, {});
  round.ledger = std::exchange(backlog_.ledger, {});
  if (takes_outcomes) round.outcomes = outcomes_.take();
  return round;
}

void Committer::gather_parts(Round& round, Round& refused) {
  while (!backlog_.parts.empty() && round.bytes < kBytesPerCommitMax) {
    auto part = std::move(backlog_.parts.front());
    backlog_.parts.pop_front();
    const auto bytes = part.store != nullptr ? part.store->body.size() : 0;
    const bool is_taken = part.store == nullptr || space_.fits(round.bytes + bytes);
    if (is_taken) round.bytes += bytes;
    (is_taken ? round : refused).parts.push_back(std::move(part));
  }
}

void Committer::gather_messages(Round& round, Round& refused) {
  while (!backlog_.messages.empty() && round.messages.size() < kMessagesPerCommitMax &&
         round.bytes < kBytesPerCommitMax) {
    auto message = std::move(backlog_.messages.front());
    backlog_.messages.pop_front();
    const auto bytes = bytes_of(*message);
    const bool is_taken = space_.fits(round.bytes + bytes);
    if (is_taken) round.bytes += bytes;
    (is_taken ? round : refused).messages.push_back(std::move(message));
  }
}

bool Committer::outcomes_are_due(Instant now) const {
  const auto oldest = outcomes_.oldest();
  if (!oldest) return false;
  if (is_finishing_) return true;
  if (outcomes_postponed_until_ > now) return false;
  return commits_since_outcomes_ + 1 >= kCommitsPerOutcomes || *oldest + kOutcomeAgeMax <= now ||
         outcomes_.size() >= kOutcomesPendingMax / 2;
}

// Once more when space ran out although there is some: what the last commit freed can be used by
// the next but one.
Result<void> Committer::write(const Round& round) {
  auto written = write_once(round);
  if (written || death_ || written.error().code() != ErrorCode::storage_full) return written;
  space_.check(clock_.now());
  if (!space_.fits(round.bytes) || !free_pages()) return written;
  return write_once(round);
}

Result<void> Committer::free_pages() {
  SLUICE_TRY(batch, Batch::begin(environment_, state_));
  if (auto touched = batch->touch(); !touched) return touched;
  return conclude(*batch);
}

Result<void> Committer::write_once(const Round& round) {
  auto begun = Batch::begin(environment_, state_);
  if (!begun) {
    die(begun.error());
    return std::unexpected(std::move(begun).error());
  }
  auto& batch = **begun;
  if (!space_.fits(round.bytes)) batch.drop_notes();
  for (const auto& part : round.parts) {
    auto done = part.store != nullptr
                    ? batch.store_part({part.message, part.store->number}, part.store->body)
                    : batch.remove_orphaned_parts(part.message);
    if (!done) return done;
  }
  if (auto stored = batch.store(round.messages); !stored) return stored;
  for (const auto& request : round.ledger) {
    if (auto set = batch.set_ledger(request->entry); !set) return set;
  }

  // By key, so that neighbours on disk are changed together; those of one envelope as they came,
  // which is the order of their addresses.
  std::vector<const EnvelopeOutcome*> ordered;
  ordered.reserve(round.outcomes.size());
  for (const auto& outcome : round.outcomes) ordered.push_back(&outcome);
  std::ranges::sort(
      ordered, {}, [](const EnvelopeOutcome* outcome) { return std::pair(outcome->key, outcome); });
  for (const auto* outcome : ordered) {
    if (auto applied = batch.apply(*outcome); !applied) return applied;
  }
  return conclude(batch);
}

Result<void> Committer::conclude(Batch& batch) {
  auto committed = batch.commit();
  if (!committed) {
    // Out of space leaves everything as it was, unless it hit the meta page. Any other error of a
    // commit leaves unknown what is on disk: the restart decides. LMDB calls it an I/O error when a
    // full disk took only part of a write.
    auto& error = committed.error();
    const bool is_full = error.code() == ErrorCode::storage_full || space_.is_disk_full();
    if (is_full && environment_.is_usable())
      return fail(ErrorCode::storage_full, error.sentence() + " (the disk or the map is full)");
    die(error);
    return committed;
  }
  count(batch.counts());
  return {};
}

void Committer::count(const BatchCounts& counts) {
  metrics_.commits.add();
  metrics_.bytes.add(counts.bytes);
  metrics_.envelopes_ended.add(counts.envelopes_ended);
  metrics_.outcomes_ignored.add(counts.outcomes_ignored);
  metrics_.packs_removed.add(counts.packs_removed);
  metrics_.packs_compacted.add(counts.packs_compacted);
  metrics_.queue_names_removed.add(counts.names_removed);
  metrics_.queue_names.set(static_cast<std::int64_t>(state_.census.queues().size()));
  metrics_.quarantined.add(counts.quarantined.size());
  metrics_.queued_recipients.set(static_cast<std::int64_t>(state_.accounting.queued));
  space_.wrote(counts.bytes);
  if (space_.has_room(Space::reserved)) growth_.keep_ahead();
  {
    const std::lock_guard lock(accounting_mutex_);
    accounting_ = state_.accounting;
  }
  for (const auto& damaged : counts.quarantined) {
    SLUICE_LOG(error, "spool_envelope_quarantined", {"id", damaged.key.message.to_string()},
               {"envelope", damaged.key.ordinal}, {"reason", damaged.reason});
    if (links_.on_quarantined) links_.on_quarantined(damaged.key, damaged.reason);
  }
}

void Committer::settle(Round round) {
  metrics_.messages.add(round.messages.size());
  metrics_.outcomes.add(round.outcomes.size());
  if (!round.outcomes.empty()) outcomes_.committed();
  answer(std::move(round), Result<void>());
}

// New mail is refused; what makes space, and what became of accepted mail, is tried by itself.
void Committer::settle_failure(Round round, const Error& error, Instant now) {
  const bool is_full = error.code() == ErrorCode::storage_full;
  if (!is_full) {
    SLUICE_LOG(error, "spool_commit_failed", {"directory", environment_.directory()},
               {"messages", round.messages.size()}, {"outcomes", round.outcomes.size()},
               {"error", error.sentence()});
  }
  Round removals;
  for (auto& part : round.parts) {
    if (part.store == nullptr)
      removals.parts.push_back({.message = part.message, .store = nullptr});
  }
  Round rest;
  rest.flushes = std::exchange(round.flushes, {});
  const auto outcomes = std::exchange(round.outcomes, {});
  const auto code = is_full ? ErrorCode::storage_full : ErrorCode::storage_failed;
  const Result<void> refusal = std::unexpected(Error(code, error.sentence()));
  answer(std::move(round), refusal);
  space_.check(now);

  // Parts that cannot be removed now are found at the next start.
  if (!death_ && !removals.parts.empty()) {
    [[maybe_unused]] const auto removed = write(removals);
  }
  const auto left = outcomes.size() - (death_ ? 0 : save_outcomes(outcomes, now));
  const bool makes_progress = left > 0 && left < outcomes.size();
  if (makes_progress && !death_) {
    backlog_.flushes = std::move(rest.flushes);  // answered when all are saved
    return;
  }
  answer(std::move(rest), left == 0 && !death_ ? Result<void>() : refusal);
}

// Outcomes need a little space as well. When they fail together they are tried one by one: each
// then finds the pages that the one before has freed.
std::size_t Committer::save_outcomes(std::span<const EnvelopeOutcome> outcomes, Instant now) {
  if (outcomes.empty()) return 0;
  if (write_outcomes(outcomes)) {
    metrics_.outcomes.add(outcomes.size());
    outcomes_.committed();
    return outcomes.size();
  }
  std::size_t done = 0;
  const auto most = std::min(outcomes.size(), kSingleOutcomesPerStep);
  for (; done < most && !death_; ++done) {
    const auto written = write_outcomes(outcomes.subspan(done, 1));
    if (written) {
      metrics_.outcomes.add();
      continue;
    }
    if (written.error().code() == ErrorCode::storage_full) break;
    // This one never will: the envelope is attempted again after a restart.
    SLUICE_LOG(error, "spool_outcome_lost", {"id", outcomes[done].key.message.to_string()},
               {"envelope", outcomes[done].key.ordinal}, {"error", written.error().sentence()});
  }
  outcomes_.committed(done);
  if (done < most) outcomes_postponed_until_ = now + kFullRetryInterval;
  return done;
}

Result<void> Committer::write_outcomes(std::span<const EnvelopeOutcome> outcomes) {
  Round round;
  round.outcomes = outcomes;
  return write(round);
}

void Committer::answer(Round round, const Result<void>& result) {
  if (!result) {
    auto& refused = result.error().code() == ErrorCode::storage_full ? metrics_.refused_full
                                                                     : metrics_.refused_failed;
    refused.add(round.messages.size() + round.parts.size());
  }
  for (auto& part : round.parts) {
    if (part.store == nullptr) continue;
    if (!result) part.store->failure = result.error();
    answers_.add(std::move(part.store));
  }
  for (auto& message : round.messages) {
    // A letter may lie in its mailbox until the spool is gone.
    for (auto& envelope : message->envelopes) envelope.queue = QueueHold();
    message->finish(result);
    answers_.add(std::move(message));
  }
  for (auto& request : round.ledger) {
    request->finish(result);
    answers_.add(std::move(request));
  }
  for (auto& flush : round.flushes) {
    flush->finish(result);
    answers_.add(std::move(flush));
  }
  answers_.send();
}

void Committer::keep_house(Instant now) {
  commits_since_housekeeping_ = 0;
  if (auto packs = housekeeping_.take_sparse(now); !packs.empty()) links_.compact(std::move(packs));
  housekeeping_.gather_idle_queues(now);
  if (!housekeeping_.has_piece()) return;
  auto begun = Batch::begin(environment_, state_);
  if (!begun) return die(begun.error());
  auto& batch = **begun;
  auto done = housekeeping_.apply_piece(batch);
  if (done) done = conclude(batch);
  if (!done && done.error().code() == ErrorCode::storage_full) {
    housekeeping_.postpone(now + kHousekeepingRetryInterval);
    return;
  }
  if (!done) {
    SLUICE_LOG(error, "spool_housekeeping_failed", {"directory", environment_.directory()},
               {"error", done.error().sentence()});
  }
  housekeeping_.ended();
}

void Committer::die(const Error& error) {
  if (death_) return;
  death_ = error;
  SLUICE_LOG(error, "spool_failed", {"directory", environment_.directory()},
             {"error", error.sentence()});
  death_told_at_ = clock_.now() + kLastAnswersTime;
}

void Committer::tell_death() {
  if (is_death_told_) return;
  is_death_told_ = true;
  if (links_.on_fatal) links_.on_fatal(Error(*death_).within(environment_.directory()));
}

void Committer::refuse_everything() {
  Round round;
  std::ranges::move(backlog_.messages, std::back_inserter(round.messages));
  std::ranges::move(backlog_.parts, std::back_inserter(round.parts));
  round.flushes = std::exchange(backlog_.flushes, {});
  round.ledger = std::exchange(backlog_.ledger, {});
  backlog_.messages.clear();
  backlog_.parts.clear();
  answer(std::move(round), std::unexpected(Error(ErrorCode::storage_failed, death_->sentence())));
}

void Committer::finish() {
  is_finishing_ = true;
  answers_.close();
  take_work();
  while (!death_ && (!backlog_.messages.empty() || !backlog_.parts.empty() ||
                     !backlog_.ledger.empty() || outcomes_.size() > 0)) {
    const auto before = outcomes_.size();
    const bool had_mail =
        !backlog_.messages.empty() || !backlog_.parts.empty() || !backlog_.ledger.empty();
    commit_round(clock_.now());
    // A full disk takes no more: what is left is attempted again after the next start.
    if (!had_mail && outcomes_.size() >= before) break;
    take_work();
  }
  if (death_) tell_death();
}

}  // namespace sluice::spool
