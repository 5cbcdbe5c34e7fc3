// How fast the bytes of a message are looked through for its end, bare newlines and NUL, beside
// memchr over the same bytes.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "bench/load_message.h"
#include "smtp/dot_unstuffer.h"
#include "smtp/newline_scanner.h"

namespace sluice::smtp {
namespace {

// A megabyte of lines of 76 characters, some of which begin with a dot.
std::string message() {
  const bench::LoadMessageMaker maker("b", 1 << 20, 1);
  return maker.make(1, "a@b", "c@d", 1 << 20, Instant(0)).text();
}

// As DATA carries it.
std::string with_doubled_dots(std::string text) {
  for (std::size_t at = 0; (at = text.find("\n.", at)) != std::string::npos; at += 3) {
    text.insert(at + 1, ".");
  }
  return text;
}

void count_bytes(benchmark::State& state, const std::string& text) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

template <class Scanner>
void scan(benchmark::State& state, const std::string& text) {
  for ([[maybe_unused]] auto _ : state) {
    Scanner scanner(BareNewlines::reject);
    for (std::string_view rest = text; !rest.empty();) {
      const BodyPiece piece = scanner.next(rest);
      benchmark::DoNotOptimize(piece.content.data());
      rest.remove_prefix(piece.consumed);
    }
    if (scanner.fault() != BodyFault::none) state.SkipWithError("the text is faultless");
  }
  count_bytes(state, text);
}

void data(benchmark::State& state) { scan<DotUnstuffer>(state, with_doubled_dots(message())); }
BENCHMARK(data);

void chunks(benchmark::State& state) { scan<ChunkScanner>(state, message()); }
BENCHMARK(chunks);

// One pass for one byte, which is not there: the text is printable.
void floor_memchr(benchmark::State& state) {
  const std::string text = message();
  const std::vector<char> bytes(text.begin(), text.end());
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(std::memchr(bytes.data(), '\x7f', bytes.size()));
  }
  count_bytes(state, text);
}
BENCHMARK(floor_memchr);

// As line-by-line scanners do: from newline to newline.
void memchr_by_line(benchmark::State& state) {
  const std::string text = message();
  for ([[maybe_unused]] auto _ : state) {
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
      const void* newline = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
      if (newline == nullptr) break;
      at = static_cast<const char*>(newline) + 1;
    }
    benchmark::DoNotOptimize(at);
  }
  count_bytes(state, text);
}
BENCHMARK(memchr_by_line);

}  // namespace
}  // namespace sluice::smtp
