// What building a pack costs, beside copying the same bytes, and copying them with a checksum.
#include "spool/pack.h"

#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "spool/record.h"

namespace sluice::spool {
namespace {

constexpr std::size_t kMessages = 64;

// Messages of one batch: one envelope each, a body of state.range(0) bytes.
class Batch {
 public:
  explicit Batch(benchmark::State& state) : body_(budget_) {
    const std::string bytes(static_cast<std::size_t>(state.range(0)), 'x');
    if (!body_.append(bytes)) state.SkipWithError("the budget holds one body");
    envelopes_.push_back({.queue = {},
                          .metadata = std::string(40, 'e'),
                          .recipients = 1,
                          .klass = 0,
                          .next_attempt = WallTime(0),
                          .expiry = WallTime(0)});
    pack_.resize(kPackHeaderBytes + kMessages * entry_bytes(contents()));
  }

  EntryContents contents() const {
    return {.message = MessageId::from_bytes({1, 2, 3}),
            .metadata = metadata_,
            .envelopes = envelopes_,
            .body_bytes = body_.size(),
            .body_parts = 0,
            .body = &body_};
  }
  const ByteChain& body() const { return body_; }
  std::vector<char>& pack() { return pack_; }

 private:
  MemoryBudget budget_{mebibytes(64)};
  ByteChain body_;
  std::string metadata_ = std::string(300, 'm');  // reverse-path and trace header
  std::vector<NewEnvelope> envelopes_;
  std::vector<char> pack_;
};

void count_messages(benchmark::State& state) {
  const auto messages = state.iterations() * static_cast<std::int64_t>(kMessages);
  state.SetItemsProcessed(messages);
  state.SetBytesProcessed(messages * state.range(0));
}

void build(benchmark::State& state) {
  Batch batch(state);
  for ([[maybe_unused]] auto _ : state) {
    char* at = write_pack_header(batch.pack().data(), kMessages, batch.pack().size());
    for (std::size_t i = 0; i < kMessages; ++i) at = write_entry(at, batch.contents());
    benchmark::DoNotOptimize(at);
    benchmark::ClobberMemory();
  }
  count_messages(state);
}
BENCHMARK(build)->Arg(2'000)->Arg(10'000)->Arg(100'000);

enum class Sum : std::uint8_t { none, xxh3 };

void copy(benchmark::State& state, Sum sum) {
  Batch batch(state);
  const std::vector<char> body(batch.body().size(), 'x');
  for ([[maybe_unused]] auto _ : state) {
    char* at = batch.pack().data();
    for (std::size_t i = 0; i < kMessages; ++i) {
      std::memcpy(at, body.data(), body.size());
      if (sum == Sum::xxh3) benchmark::DoNotOptimize(checksum({body.data(), body.size()}));
      at += body.size();
    }
    benchmark::DoNotOptimize(at);
    benchmark::ClobberMemory();
  }
  count_messages(state);
}

void floor_memcpy(benchmark::State& state) { copy(state, Sum::none); }
BENCHMARK(floor_memcpy)->Arg(2'000)->Arg(10'000)->Arg(100'000);

void memcpy_with_checksum(benchmark::State& state) { copy(state, Sum::xxh3); }
BENCHMARK(memcpy_with_checksum)->Arg(2'000)->Arg(10'000)->Arg(100'000);

}  // namespace
}  // namespace sluice::spool
