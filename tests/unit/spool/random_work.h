// RandomWork: asks a spool for random things and tells the model. Messages of all shapes, bodies in
// memory and in parts, bodies that are given up, deliveries, bounces, deferrals, counters, flushes;
// what belongs to one round happens at once, so that commits hold several of them.
//
// The choices follow from the seed. How the spool divides them into commits does not.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "tests/unit/spool/spool_model.h"

namespace sluice::spool {

class RandomWork {
 public:
  // `mark` gives the next place in the order of events.
  RandomWork(std::uint64_t seed, SpoolModel& model, std::function<Place()> mark);

  // Returns when all of it was answered.
  void round(SpoolHarness& harness);
  void flush(SpoolHarness& harness);

  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  std::size_t steps() const { return steps_; }

 private:
  struct Accept {
    MessageId id;
    TestMessage message;
  };
  struct Plan {
    std::vector<Accept> accepts;
    std::vector<Accept> given_up;
    std::vector<EnvelopeOutcome> outcomes;
    std::optional<std::uint64_t> setting;  // what the counter of that name becomes; 0: it goes
  };
  Plan make_plan(SpoolHarness& harness);
  TestMessage random_message();
  EnvelopeOutcome random_outcome(const EnvelopeKey& key, const EnvelopeVersion& now);
  Task<Result<void>> run(Shard& shard, Spool& spool, Plan& plan);
  Task<void> accept(Shard& shard, Spool& spool, const Accept& what, Result<void>& result);
  Task<void> give_up(Shard& shard, Spool& spool, const Accept& what, Result<void>& result);
  Task<void> record(Shard& shard, Spool& spool, EnvelopeOutcome outcome, Result<void>& result);

  Task<void> set(Shard& shard, Spool& spool, std::uint64_t amount, Result<void>& result);

  Random random_;
  SpoolModel& model_;
  std::function<Place()> mark_;
  std::size_t steps_ = 0;
};

// The seed in that environment variable, else a new one. Printed, so that a failure can be
// repeated.
std::uint64_t seed_of_run(const char* variable);

}  // namespace sluice::spool
