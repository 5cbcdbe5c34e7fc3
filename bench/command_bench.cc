// What taking commands apart costs, beside finding the ends of the same lines with memchr.
#include "smtp/command.h"

#include <benchmark/benchmark.h>

#include <array>
#include <cstring>

namespace sluice::smtp {
namespace {

// A usual transaction, as a pipelining client sends it.
constexpr std::array<std::string_view, 4> kTransaction = {
    "MAIL FROM:<bounces+4711@news.example.com> SIZE=10240 BODY=8BITMIME",
    "RCPT TO:<someone.with.a.name@mail.example.net>",
    "BDAT 10240 LAST",
    "RSET",
};

void count_commands(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kTransaction.size()));
}

void verbs(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    for (const std::string_view line : kTransaction) {
      benchmark::DoNotOptimize(parse_command(line));
    }
  }
  count_commands(state);
}
BENCHMARK(verbs);

void whole_transaction(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(parse_mail(parse_command(kTransaction[0]).argument));
    benchmark::DoNotOptimize(parse_recipient(parse_command(kTransaction[1]).argument));
    benchmark::DoNotOptimize(parse_bdat(parse_command(kTransaction[2]).argument));
    benchmark::DoNotOptimize(parse_command(kTransaction[3]));
  }
  count_commands(state);
}
BENCHMARK(whole_transaction);

void floor_memchr(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    for (const std::string_view line : kTransaction) {
      benchmark::DoNotOptimize(std::memchr(line.data(), '\n', line.size()));
    }
  }
  count_commands(state);
}
BENCHMARK(floor_memchr);

}  // namespace
}  // namespace sluice::smtp
