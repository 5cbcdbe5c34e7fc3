// What the disk itself takes: batches of messages written and made durable with fdatasync, to a
// file that grows and into blocks that are used again. The floor of everything durable.
//
// Writes into the working directory: run it on the file system that is asked about.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr off_t kFileBytesMax = 64 << 20;

// A file without a name, gone when the process ends.
class ScratchFile {
 public:
  ScratchFile() {
    std::string name = "disk_bench.XXXXXX";
    descriptor_ = mkostemp(name.data(), O_CLOEXEC);
    if (descriptor_ >= 0) unlink(name.c_str());
  }
  ~ScratchFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  bool is_full() const { return offset_ >= kFileBytesMax; }
  void rewind() { offset_ = 0; }

  // The verbs return false when the kernel refuses.
  bool write(const std::vector<char>& bytes) {
    std::size_t written = 0;
    while (written < bytes.size()) {
      const auto count = pwrite(descriptor_, bytes.data() + written, bytes.size() - written,
                                offset_ + static_cast<off_t>(written));
      if (count < 0 && errno != EINTR) return false;
      written += static_cast<std::size_t>(count > 0 ? count : 0);
    }
    offset_ += static_cast<off_t>(bytes.size());
    return true;
  }
  bool sync() const { return descriptor_ >= 0 && fdatasync(descriptor_) == 0; }
  bool truncate() {
    rewind();
    return descriptor_ >= 0 && ftruncate(descriptor_, 0) == 0 && fsync(descriptor_) == 0;
  }
  bool fill() {
    const std::vector<char> block(1 << 20, 'x');
    while (!is_full()) {
      if (!write(block)) return false;
    }
    rewind();
    return sync();
  }

 private:
  int descriptor_ = -1;
  off_t offset_ = 0;
};

// state.range(0) bytes per message, state.range(1) messages per batch.
std::vector<char> make_batch(const benchmark::State& state) {
  return std::vector<char>(static_cast<std::size_t>(state.range(0) * state.range(1)), 'x');
}

void append(benchmark::State& state) {
  ScratchFile file;
  const std::vector<char> batch = make_batch(state);
  bool is_good = file.truncate();
  for ([[maybe_unused]] auto _ : state) {
    if (file.is_full()) {
      state.PauseTiming();
      is_good = is_good && file.truncate();
      state.ResumeTiming();
    }
    is_good = is_good && file.write(batch) && file.sync();
  }
  if (!is_good) state.SkipWithError("the working directory must be writable and have room");
  state.SetItemsProcessed(state.iterations() * state.range(1));
}

void overwrite(benchmark::State& state) {
  static ScratchFile file;  // filled once
  static bool is_good = file.fill();
  const std::vector<char> batch = make_batch(state);
  file.rewind();
  for ([[maybe_unused]] auto _ : state) {
    if (file.is_full()) file.rewind();
    is_good = is_good && file.write(batch) && file.sync();
  }
  if (!is_good) state.SkipWithError("the working directory must be writable and have room");
  state.SetItemsProcessed(state.iterations() * state.range(1));
}

void sizes_and_batches(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"bytes", "batch"})->UseRealTime();
  benchmark->Args({2'000, 128})->Args({10'000, 32})->Args({10'000, 128})->Args({100'000, 32});
}
BENCHMARK(append)->Apply(sizes_and_batches);
BENCHMARK(overwrite)->Apply(sizes_and_batches);

}  // namespace
