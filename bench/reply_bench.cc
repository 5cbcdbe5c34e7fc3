// What reading the replies of a server costs, beside finding the ends of the same lines with
// memchr.
#include "smtp/reply.h"

#include <benchmark/benchmark.h>

#include <array>
#include <cstring>

#include "smtp/reply_reader.h"

namespace sluice::smtp {
namespace {

// What answers one transaction in a flight.
constexpr std::array<std::string_view, 4> kReplies = {
    "250 2.0.0 Ok",
    "250 2.1.0 Ok",
    "250 2.1.5 Ok",
    "250 2.0.0 Ok: queued as 4ZcPzR0xHbz1yq8",
};

void count_replies(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kReplies.size()));
}

void lines(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    for (const std::string_view line : kReplies) benchmark::DoNotOptimize(parse_reply_line(line));
  }
  count_replies(state);
}
BENCHMARK(lines);

// With code, enhanced code and text of their own, as sessions take them.
void replies(benchmark::State& state) {
  ReplyAssembler assembler;
  for ([[maybe_unused]] auto _ : state) {
    for (const std::string_view line : kReplies) benchmark::DoNotOptimize(assembler.take(line));
  }
  count_replies(state);
}
BENCHMARK(replies);

void floor_memchr(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    for (const std::string_view line : kReplies) {
      benchmark::DoNotOptimize(std::memchr(line.data(), '\n', line.size()));
    }
  }
  count_replies(state);
}
BENCHMARK(floor_memchr);

}  // namespace
}  // namespace sluice::smtp
