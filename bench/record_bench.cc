// What an envelope's record costs to write and to read, beside the checksum alone that both
// contain.
#include "spool/record.h"

#include <benchmark/benchmark.h>

namespace sluice::spool {
namespace {

// One recipient, or a bitmap of state.range(0).
EnvelopeRecord record(const benchmark::State& state) {
  return {.location = {.pack = 4711, .offset = 65'536, .bytes = 10'400},
          .queue = 42,
          .next_attempt = WallTime(1'700'000'000'000),
          .expiry = WallTime(1'700'259'200'000),
          .attempts = 1,
          .recipients = static_cast<std::uint16_t>(state.range(0)),
          .envelopes = 1,
          .body_parts = 0,
          .klass = 0,
          .has_attempts_kept = true,
          .ended = {}};
}

void encode(benchmark::State& state) {
  const EnvelopeRecord one = record(state);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(encode_record(one));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode)->Arg(1)->Arg(1000);

void decode(benchmark::State& state) {
  const EncodedRecord bytes = encode_record(record(state));
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(decode_record(bytes.view()));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decode)->Arg(1)->Arg(1000);

void floor_checksum(benchmark::State& state) {
  const EncodedRecord bytes = encode_record(record(state));
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(checksum(bytes.view()));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(floor_checksum)->Arg(1)->Arg(1000);

}  // namespace
}  // namespace sluice::spool
