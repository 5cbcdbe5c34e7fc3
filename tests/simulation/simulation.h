// Simulation: one seed from the first step to the verdict.
//
// The relay lives several times on one spool. Each life ends in a crash or an orderly stop at a
// moment that the seed chose, the last one when everything is well again and has been delivered: a
// drain ends it. Then the ledger, the spool's own accounting and what is left over are compared.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "tests/simulation/mail_ledger.h"
#include "tests/simulation/scenario.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/simulated_network.h"

namespace sluice::simulation {

struct SimulationOptions {
  std::uint64_t seed = 1;
  std::filesystem::path directory;  // empty, and the simulation's own
  bool prints_trace = false;
  bool prints_log = false;
};

struct SimulationReport {
  std::vector<std::string> problems;
  std::uint64_t trace_hash = 0;
  std::uint64_t steps = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t crashes = 0;
  double seconds = 0;  // of simulated time
};

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options);
  ~Simulation();

  SimulationReport run();

 private:
  void start_relay();
  void live(const Life& life);
  void crash();
  void stop(LifeEnd end);
  void drain();
  void make_trouble();
  void make_peace();
  bool run_until(const std::function<bool()>& is_over, Duration at_most, std::string_view what);
  void look_for_endless_waits();
  void check_memory(const MemoryBudget& budget, std::string_view of_what);
  void check_nothing_left();
  void check_spool(std::string_view when, bool is_end);
  void note_problem(std::string problem);
  bool is_lost() const { return !report_.problems.empty(); }

  SimulationOptions options_;
  Scheduler scheduler_;
  SimulatedNetwork network_;
  Scenario scenario_;
  MailLedger ledger_;
  std::vector<std::unique_ptr<UpstreamHost>> hosts_;
  std::vector<std::unique_ptr<SubmittingClient>> clients_;
  std::filesystem::path spool_;
  unsigned lives_begun_ = 0;
  bool is_relay_over_ = true;
  bool is_peaceful_ = false;
  Instant looked_at_{0};  // for endless waits
  SimulationReport report_;
};

}  // namespace sluice::simulation
