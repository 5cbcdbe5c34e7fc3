// simulation: runs the relay in simulated worlds, one per seed, each in a process of its own.
//
//   simulation --seeds 200            seeds 1 to 200
//   simulation --first 1000 --seeds 5
//   simulation --seed 17 --log        one seed, with the relay's log
//
// A seed that fails is printed with the command that runs it again. Every tenth seed is run twice,
// and must go the same way twice.
#include <fmt/format.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/simulation.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#define SLUICE_HAS_LEAK_CHECK 1
#endif
#endif

namespace sluice::simulation {
namespace {

// Of real time; a seed takes well under a second.
constexpr unsigned kSecondsMax = 120;

struct Options {
  std::optional<std::uint64_t> seed;
  std::uint64_t first = 1;
  std::uint64_t seeds = 200;
  unsigned jobs = 1;
  unsigned twice_every = 10;
  bool prints_trace = false;
  bool prints_log = false;
};

struct Totals {
  std::uint64_t seeds = 0, steps = 0, deliveries = 0, duplicates = 0, crashes = 0;
  double seconds = 0;
  std::vector<std::uint64_t> failed;
};

// A child that runs a seed, and where its report comes from.
struct Child {
  std::uint64_t seed;
  int report;
  std::filesystem::path directory;
};

std::filesystem::path memory_directory() {
  const std::filesystem::path shared = "/dev/shm";
  return access(shared.c_str(), W_OK) == 0 ? shared : std::filesystem::temp_directory_path();
}

std::filesystem::path make_directory() {
  std::string name = (memory_directory() / "sluice-simulation-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    fmt::print(stderr, "cannot make the directory {}\n", name);
    std::exit(EXIT_FAILURE);
  }
  return name;
}

// Threads that take turns hand over faster on one core.
void keep_on_one_core() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<unsigned>(sched_getcpu()), &cores);
  sched_setaffinity(0, sizeof(cores), &cores);
}

// Under the address sanitizer: whether anything was allocated to which nobody leads any more. What
// a crashed relay had is still on the stacks of its threads.
bool has_leaks() {
#if SLUICE_HAS_LEAK_CHECK
  return __lsan_do_recoverable_leak_check() != 0;
#else
  return false;
#endif
}

// Ends without destructors: what a crashed relay left must not be cleaned up.
[[noreturn]] void run_seed(std::uint64_t seed, const Options& options,
                           const std::filesystem::path& directory, int report) {
  alarm(kSecondsMax);
  keep_on_one_core();
  auto* const simulation = new Simulation({.seed = seed,
                                           .directory = directory,
                                           .prints_trace = options.prints_trace,
                                           .prints_log = options.prints_log});
  SimulationReport result = simulation->run();
  if (result.problems.empty() && has_leaks()) result.problems.push_back("memory has leaked");
  for (const std::string& problem : result.problems) {
    fmt::print(stderr, "seed {}: {}\n", seed, problem);
  }
  const std::string line =
      fmt::format("{} {} {} {} {} {}\n", result.trace_hash, result.steps, result.deliveries,
                  result.duplicates, result.crashes, result.seconds);
  const bool is_told = write(report, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  std::fflush(stderr);
  _exit(result.problems.empty() && is_told ? EXIT_SUCCESS : EXIT_FAILURE);
}

class Runner {
 public:
  explicit Runner(const Options& options) : options_(options) {}

  int run() {
    const std::uint64_t first = options_.seed.value_or(options_.first);
    const std::uint64_t count = options_.seed ? 1 : options_.seeds;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
      start(seed);
      const bool is_twice = options_.twice_every > 0 && seed % options_.twice_every == 0;
      if (is_twice) start(seed);
    }
    while (!children_.empty()) finish_one();
    print_totals();
    return totals_.failed.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
  }

 private:
  void start(std::uint64_t seed) {
    while (children_.size() >= options_.jobs) finish_one();
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) std::exit(EXIT_FAILURE);
    const auto directory = make_directory();
    const pid_t pid = fork();
    if (pid == 0) {
      close(pipe_ends[0]);
      run_seed(seed, options_, directory, pipe_ends[1]);
    }
    close(pipe_ends[1]);
    children_.emplace(pid, Child{.seed = seed, .report = pipe_ends[0], .directory = directory});
  }

  void finish_one() {
    int status = 0;
    const pid_t pid = wait(&status);
    const auto found = children_.find(pid);
    if (found == children_.end()) return;
    const Child child = std::move(found->second);
    children_.erase(found);
    std::string line(512, '\0');
    const ssize_t length = read(child.report, line.data(), line.size());
    line.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    close(child.report);
    std::error_code ignored;  // a directory in memory that stays is no failure of the seed
    std::filesystem::remove_all(child.directory, ignored);
    judge(child.seed, status, line);
  }

  void judge(std::uint64_t seed, int status, const std::string& line) {
    std::uint64_t hash = 0, steps = 0, deliveries = 0, duplicates = 0, crashes = 0;
    double seconds = 0;
    const int fields = std::sscanf(line.c_str(), "%lu %lu %lu %lu %lu %lf", &hash, &steps,
                                   &deliveries, &duplicates, &crashes, &seconds);
    bool is_good = fields == 6 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
    if (WIFSIGNALED(status)) {
      fmt::print(stderr, "seed {}: ended by signal {}\n", seed, WTERMSIG(status));
    }
    if (const auto before = hashes_.find(seed); before == hashes_.end()) {
      hashes_.emplace(seed, hash);
    } else if (is_good && before->second != hash) {
      fmt::print(stderr, "seed {}: went another way the second time\n", seed);
      is_good = false;
    }
    totals_.seeds += 1;
    totals_.steps += steps;
    totals_.deliveries += deliveries;
    totals_.duplicates += duplicates;
    totals_.crashes += crashes;
    totals_.seconds += seconds;
    if (is_good) return;
    totals_.failed.push_back(seed);
    fmt::print("FAILED seed {}: run it again with: {} --seed {}\n", seed, program_, seed);
  }

  void print_totals() const {
    fmt::print(
        "{} runs: {} steps, {:.0f} simulated seconds, {} crashes, {} deliveries, {} of them "
        "again, {} failed\n",
        totals_.seeds, totals_.steps, totals_.seconds, totals_.crashes, totals_.deliveries,
        totals_.duplicates, totals_.failed.size());
  }

  const Options& options_;
  std::string program_ = std::filesystem::read_symlink("/proc/self/exe").string();
  std::map<pid_t, Child> children_;
  std::map<std::uint64_t, std::uint64_t> hashes_;
  Totals totals_;
};

}  // namespace
}  // namespace sluice::simulation

int main(int argc, char** argv) {
  sluice::simulation::Options options;
  CLI::App app("Runs the relay in simulated worlds, one per seed.");
  app.add_option("--seed", options.seed, "Run this seed alone");
  app.add_option("--first", options.first, "The first seed")->capture_default_str();
  app.add_option("--seeds", options.seeds, "How many seeds")->capture_default_str();
  app.add_option("--jobs", options.jobs, "How many at a time")->capture_default_str();
  app.add_option("--twice-every", options.twice_every, "Which seeds run twice; 0: none")
      ->capture_default_str();
  app.add_flag("--trace", options.prints_trace, "Print every step");
  app.add_flag("--log", options.prints_log, "Print the relay's log");
  CLI11_PARSE(app, argc, argv);
  return sluice::simulation::Runner(options).run();
}
