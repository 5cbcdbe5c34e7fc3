// What a login costs: remembered, and with the work of a hash, beside that work alone; and whether
// a user who does not exist can be told from a wrong password by the time of the answer, before the
// delay that covers it.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/shard.h"
#include "relay/authenticator.h"

namespace sluice::relay {
namespace {

constexpr const char* kPassword = "correct horse battery";

AuthenticationSettings without_limits() {
  AuthenticationSettings settings;
  settings.failure_delay = Duration(0);
  settings.failures_per_address = 1'000'000'000;
  settings.failures_per_user = 1'000'000'000;
  return settings;
}

std::vector<UserSettings> one_user() {
  std::vector<UserSettings> users(1);
  users[0].name = "apikey";
  users[0].hash.push_back(*PasswordHash::make(Secret(std::string(kPassword))));
  users[0].senders.push_back(*SenderPattern::parse("*"));
  return users;
}

std::unique_ptr<Shard> open_shard() {
  auto shard = Shard::open(ShardId(0), 1);
  if (shard) return std::move(*shard);
  std::fputs((shard.error().sentence() + '\n').c_str(), stderr);
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): nothing has started
}

// The relay's parts of a login, on one shard.
struct World {
  explicit World(Duration kept) : remembered(kept) {
    const Result<void> opened = open_log({.level = LogLevel::error, .format = {}, .file = {}});
    SLUICE_ASSERT(opened.has_value(), "standard error can be written");
  }
  std::unique_ptr<Shard> shard = open_shard();
  std::unique_ptr<UserDirectory> users =
      *UserDirectory::open(one_user(), "/nonexistent/users.toml");
  CredentialCache remembered;
  HashWorker hashing{HashWorkerSettings{.share = 100}};
  LoginLimits limits{without_limits()};
  LoginMetrics metrics{shard->metrics()};
  Authenticator authenticator{{.shard = *shard,
                               .users = *users,
                               .remembered = remembered,
                               .hashing = hashing,
                               .limits = limits,
                               .metrics = metrics}};
};

Task<int> log_in(World& world, std::string name, std::string password) {
  Secret secret(std::move(password));
  const IpAddress client = IpAddress::v4(0xC0000201);
  const auto result =
      co_await world.authenticator.authenticate(std::move(name), std::move(secret), client);
  co_return result.reply.code;
}

Task<void> log_in_again_and_again(World& world, benchmark::State& state) {
  std::string name = "apikey";
  std::string password = kPassword;
  co_await log_in(world, name, password);
  for ([[maybe_unused]] auto _ : state) {
    const int code = co_await log_in(world, name, password);
    if (code != 235) state.SkipWithError("a right password was refused");
  }
  state.SetItemsProcessed(state.iterations());
}

void remembered_login(benchmark::State& state) {
  World world(std::chrono::hours(1));
  world.shard->run(log_in_again_and_again(world, state));
}
BENCHMARK(remembered_login);

void hashed_login(benchmark::State& state) {
  World world{Duration(0)};
  world.shard->run(log_in_again_and_again(world, state));
}
BENCHMARK(hashed_login)->Unit(benchmark::kMillisecond)->UseRealTime();

void floor_hash_alone(benchmark::State& state) {
  const PasswordHash hash = *PasswordHash::make(Secret(std::string(kPassword)));
  const Secret password{std::string(kPassword)};
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(hash.matches(password));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(floor_hash_alone)->Unit(benchmark::kMillisecond);

// Milliseconds; sorted.
struct Timings {
  std::vector<double> unknown_user;
  std::vector<double> wrong_password;
};

Task<double> time_login(World& world, std::string name) {
  std::string password = "wrong";
  const Instant start = world.shard->clock().now();
  co_await log_in(world, std::move(name), std::move(password));
  co_return static_cast<double>((world.shard->clock().now() - start).count()) / 1e6;
}

// In turns, so that what else the machine does meets both alike.
Task<void> time_failures(World& world, benchmark::State& state, Timings& timings) {
  std::string unknown = "nobody";
  std::string known = "apikey";
  for ([[maybe_unused]] auto _ : state) {
    timings.unknown_user.push_back(co_await time_login(world, unknown));
    timings.wrong_password.push_back(co_await time_login(world, known));
  }
}

double quantile(const std::vector<double>& sorted, double fraction) {
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(fraction * last)];
}

void unknown_user_against_wrong_password(benchmark::State& state) {
  World world{Duration(0)};
  Timings timings;
  world.shard->run(time_failures(world, state, timings));
  std::ranges::sort(timings.unknown_user);
  std::ranges::sort(timings.wrong_password);
  for (const auto& [name, fraction] :
       {std::pair("p10_ms", 0.1), std::pair("median_ms", 0.5), std::pair("p90_ms", 0.9)}) {
    state.counters[std::string("unknown_") + name] = quantile(timings.unknown_user, fraction);
    state.counters[std::string("wrong_") + name] = quantile(timings.wrong_password, fraction);
  }
}
BENCHMARK(unknown_user_against_wrong_password)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(200);

}  // namespace
}  // namespace sluice::relay
