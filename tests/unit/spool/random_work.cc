#include "tests/unit/spool/random_work.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "core/assert.h"
#include "core/task_scope.h"

namespace sluice::spool {

namespace {

constexpr std::size_t kSmallBodyBytesMax = 20'000;
constexpr std::size_t kQueues = 40;  // so many that they are idle now and then
constexpr std::size_t kAcceptsMax = 8;
constexpr std::size_t kLargeOneIn = 30;  // of the messages
constexpr std::size_t kQueuedGoal = 40;  // envelopes; above it more end than come

}  // namespace

std::uint64_t seed_of_run(const char* variable) {
  const char* const given = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  const auto seed = given != nullptr ? std::strtoull(given, nullptr, 10) : random_seed() >> 32;
  std::printf("%s=%llu\n", variable, static_cast<unsigned long long>(seed));
  return seed;
}

RandomWork::RandomWork(std::uint64_t seed, SpoolModel& model, std::function<Place()> mark)
    : random_(seed), model_(model), mark_(std::move(mark)) {}

void RandomWork::round(SpoolHarness& harness) {
  auto plan = make_plan(harness);
  steps_ += plan.accepts.size() + plan.given_up.size() + plan.outcomes.size();
  const auto done = harness.shards().run<Result<void>>(
      0, [&](Shard& shard) { return run(shard, harness.spool(), plan); });
  SLUICE_ASSERT(done.has_value(), "a sound spool with room takes everything");
}

void RandomWork::flush(SpoolHarness& harness) {
  ++steps_;
  const auto flushed = harness.flush();
  SLUICE_ASSERT(flushed.has_value(), "a sound spool with room takes everything");
  model_.flushed(mark_());
}

RandomWork::Plan RandomWork::make_plan(SpoolHarness& harness) {
  Plan plan;
  const auto accepts = 1 + below(kAcceptsMax);
  for (std::size_t i = 0; i < accepts; ++i)
    plan.accepts.push_back({harness.next_id(), random_message()});
  if (below(20) == 0)
    plan.given_up.push_back({harness.next_id(), {.body = pattern(2'500'000, random_.next())}});
  const auto queued = model_.queued();
  const auto outcomes = below(queued.size() > kQueuedGoal ? 25 : 9);
  for (std::size_t i = 0; i < outcomes && i < queued.size(); ++i) {
    // One outcome per envelope and round: what the model thinks is pending then is.
    const auto& key = queued[(i * 7919 + below(2)) % queued.size()];
    const bool is_new = std::ranges::none_of(
        plan.outcomes, [&](const EnvelopeOutcome& outcome) { return outcome.key == key; });
    if (is_new) plan.outcomes.push_back(random_outcome(key, model_.latest(key)));
  }
  if (below(2) == 0) plan.setting = below(4) == 0 ? 0 : 1 + below(1'000'000);
  return plan;
}

TestMessage RandomWork::random_message() {
  const bool is_large = below(kLargeOneIn) == 0;
  const auto bytes =
      is_large ? kBodyPartBytes - 1000 + below(1'500'000) : below(below(kSmallBodyBytesMax) + 1);
  TestMessage message{.body = pattern(bytes, random_.next()),
                      .metadata = pattern(below(200), random_.next()),
                      .queue = "campaign:tenant@" + std::to_string(below(kQueues))};
  message.recipients = static_cast<std::uint16_t>(below(3) == 0 ? 1 + below(12) : 1);
  const auto envelopes = below(4) == 0 ? 1 + below(5) : 1;
  message.envelopes.clear();
  for (std::size_t i = 0; i < envelopes; ++i)
    message.envelopes.push_back(pattern(below(80), random_.next()));
  message.ledger.push_back({.name = kQuotaName, .amount = message.recipients * envelopes});
  return message;
}

EnvelopeOutcome RandomWork::random_outcome(const EnvelopeKey& key, const EnvelopeVersion& now) {
  const auto attempts = static_cast<std::uint16_t>(now.attempts + 1);
  auto outcome = deferred(key, attempts, std::string(below(kAttemptReplyBytesMax + 1), 'r'));
  outcome.note->reply = (std::to_string(attempts) + outcome.note->reply).substr(0, 512);
  if (below(5) == 0) outcome.note.reset();
  const auto chance = below(3);  // nobody ends, some end, all end
  for (std::uint16_t position = 0; position < now.ended.size(); ++position) {
    if (now.ended[position] || chance == 0 || (chance == 1 && below(2) == 0)) continue;
    outcome.ended.push_back(position);
    const std::array kinds{&outcome.counts.delivered, &outcome.counts.bounced,
                           &outcome.counts.expired, &outcome.counts.removed};
    ++*kinds[below(kinds.size())];
  }
  return outcome;
}

Task<Result<void>> RandomWork::run(Shard& shard, Spool& spool, Plan& plan) {
  TaskScope scope(shard.run_queue());
  Result<void> result;
  for (const auto& what : plan.accepts) scope.spawn(accept(shard, spool, what, result));
  for (const auto& what : plan.given_up) scope.spawn(give_up(shard, spool, what, result));
  for (const auto& outcome : plan.outcomes) scope.spawn(record(shard, spool, outcome, result));
  if (plan.setting) scope.spawn(set(shard, spool, *plan.setting, result));
  co_await scope.join();
  co_return result;
}

Task<void> RandomWork::accept(Shard& shard, Spool& spool, const Accept& what,
                              Result<void>& result) {
  model_.accepting(what.id, what.message, mark_());
  auto message = what.message;
  auto accepted = co_await store(shard, spool, what.id, std::move(message));
  if (accepted) {
    model_.accepted(what.id, mark_());
  } else {
    result = std::unexpected(std::move(accepted).error());
  }
}

Task<void> RandomWork::give_up(Shard& shard, Spool& spool, const Accept& what,
                               Result<void>& result) {
  const auto body = spool.begin_body(shard, what.id);
  auto appended = co_await body->append(what.message.body);
  if (!appended) result = std::move(appended);
}

Task<void> RandomWork::set(Shard& shard, Spool& spool, std::uint64_t amount, Result<void>& result) {
  model_.setting(amount, mark_());
  LedgerEntry entry{.name = kSettingName, .amount = amount};
  auto done = co_await spool.set_ledger(shard, std::move(entry));
  if (done) {
    model_.has_set(mark_());
  } else {
    result = std::move(done);
  }
}

Task<void> RandomWork::record(Shard& shard, Spool& spool, EnvelopeOutcome outcome,
                              Result<void>& result) {
  model_.recording(outcome, mark_());
  auto recorded = co_await spool.record(shard, std::move(outcome));
  if (!recorded) result = std::move(recorded);
}

}  // namespace sluice::spool
