#include "tests/unit/spool/write_recorder.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <span>
#include <utility>

#include "core/assert.h"

namespace sluice::spool {

namespace {

using Kind = DiskEvent::Kind;

std::atomic<WriteRecorder*> recorder{nullptr};

bool syncs_each_write(int descriptor) { return (fcntl(descriptor, F_GETFL) & O_DSYNC) != 0; }

void put(std::string& image, std::uint64_t offset, std::string_view bytes) {
  image.resize(std::max<std::size_t>(image.size(), offset + bytes.size()));
  std::ranges::copy(bytes, image.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  SLUICE_ASSERT(file.good(), "tests have room for their files");
}

WriteRecorder::WriteRecorder(std::string path) : path_(std::move(path)), before_(read_file(path_)) {
  SLUICE_ASSERT(recorder.load() == nullptr, "one recorder at a time");
  recorder.store(this);
}

WriteRecorder::~WriteRecorder() { recorder.store(nullptr); }

WriteRecorder* WriteRecorder::recording(int descriptor) {
  auto* const current = recorder.load();
  if (current == nullptr) return nullptr;
  const auto link = "/proc/self/fd/" + std::to_string(descriptor);
  std::array<char, 4096> target{};
  const auto length = readlink(link.c_str(), target.data(), target.size());
  if (length <= 0) return nullptr;
  const std::string_view path(target.data(), static_cast<std::size_t>(length));
  return path == current->path_ ? current : nullptr;
}

std::size_t WriteRecorder::mark() {
  const std::lock_guard lock(mutex_);
  events_.push_back({.kind = Kind::mark, .offset = 0, .size = 0, .bytes = {}});
  return events_.size() - 1;
}

void WriteRecorder::fail_meta_writes() {
  const std::lock_guard lock(mutex_);
  fails_meta_writes_ = true;
}

bool WriteRecorder::fails(int descriptor) const {
  const std::lock_guard lock(mutex_);
  return fails_meta_writes_ && syncs_each_write(descriptor);
}

void WriteRecorder::wrote(int descriptor, std::uint64_t offset, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  events_.push_back(
      {.kind = Kind::write, .offset = offset, .size = bytes.size(), .bytes = std::string(bytes)});
  if (!syncs_each_write(descriptor)) return;
  events_.push_back({.kind = Kind::sync, .offset = offset, .size = bytes.size(), .bytes = {}});
}

void WriteRecorder::synced() {
  const std::lock_guard lock(mutex_);
  events_.push_back({.kind = Kind::sync, .offset = 0, .size = UINT64_MAX, .bytes = {}});
}

std::vector<DiskEvent> WriteRecorder::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::size_t WriteRecorder::size() const {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

WriteRecorder::Kill WriteRecorder::kill() const {
  const std::lock_guard lock(mutex_);
  Kill kill{.events = events_.size(), .image = before_};
  for (const auto& event : events_) {
    if (event.kind == Kind::write) put(kill.image, event.offset, event.bytes);
  }
  return kill;
}

void DiskReplay::apply(const DiskEvent& event) {
  if (event.kind == Kind::write) return write(event.offset, event.bytes);
  if (event.kind != Kind::sync) return;
  const bool is_all = event.size == UINT64_MAX;
  const auto last = is_all ? UINT64_MAX : (event.offset + event.size - 1) / kDiskUnitBytes;
  const auto first = unsynced_.lower_bound(event.offset / kDiskUnitBytes);
  auto end = first;
  for (; end != unsynced_.end() && end->first <= last; ++end) {
    put(synced_, end->first * kDiskUnitBytes, end->second.back());
  }
  unsynced_.erase(first, end);
}

void DiskReplay::write(std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto unit = offset / kDiskUnitBytes;
    const auto within = offset % kDiskUnitBytes;
    const auto count = std::min<std::size_t>(bytes.size(), kDiskUnitBytes - within);
    auto state = latest(unit);
    put(state, within, bytes.substr(0, count));
    unsynced_[unit].push_back(std::move(state));
    offset += count;
    bytes.remove_prefix(count);
  }
}

std::string DiskReplay::latest(std::uint64_t unit) const {
  if (const auto found = unsynced_.find(unit); found != unsynced_.end())
    return found->second.back();
  const auto offset = unit * kDiskUnitBytes;
  std::string state(kDiskUnitBytes, '\0');
  if (offset < synced_.size()) put(state, 0, synced_.substr(offset, kDiskUnitBytes));
  return state;
}

std::string DiskReplay::after_power_loss(double chance, Random& random) const {
  auto image = synced_;
  for (const auto& [unit, states] : unsynced_) {
    if (random.fraction() >= chance) continue;
    put(image, unit * kDiskUnitBytes, states[random.below(states.size())]);
  }
  return image;
}

}  // namespace sluice::spool

// The functions of the C library that write and sync, as every library of this program finds them.
// NOLINTBEGIN(readability-identifier-naming): the names are the C library's.
namespace {

using sluice::spool::WriteRecorder;

// The function of that name that stands behind ours.
template <class Function>
Function behind(Function /*same type*/, const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool refuses(WriteRecorder* recording, int descriptor) {
  if (recording == nullptr || !recording->fails(descriptor)) return false;
  errno = EIO;
  return true;
}

std::uint64_t position_of(int descriptor) {
  return static_cast<std::uint64_t>(lseek(descriptor, 0, SEEK_CUR));
}

std::string_view written(const void* bytes, ssize_t size) {
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static const auto next = behind(&write, "write");
  auto* const recording = WriteRecorder::recording(descriptor);
  if (refuses(recording, descriptor)) return -1;
  const auto offset = recording != nullptr ? position_of(descriptor) : 0;
  const auto done = next(descriptor, bytes, size);
  if (recording != nullptr) recording->wrote(descriptor, offset, written(bytes, done));
  return done;
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  static const auto next = behind(&pwrite, "pwrite");
  auto* const recording = WriteRecorder::recording(descriptor);
  if (refuses(recording, descriptor)) return -1;
  const auto done = next(descriptor, bytes, size, offset);
  if (recording != nullptr)
    recording->wrote(descriptor, static_cast<std::uint64_t>(offset), written(bytes, done));
  return done;
}

ssize_t writev(int descriptor, const struct iovec* pieces, int count) {
  static const auto next = behind(&writev, "writev");
  auto* const recording = WriteRecorder::recording(descriptor);
  if (refuses(recording, descriptor)) return -1;
  auto offset = recording != nullptr ? position_of(descriptor) : 0;
  const auto done = next(descriptor, pieces, count);
  if (recording == nullptr) return done;
  auto left = done;
  for (const auto& piece : std::span(pieces, static_cast<std::size_t>(count))) {
    const auto bytes = written(piece.iov_base, std::min(left, static_cast<ssize_t>(piece.iov_len)));
    if (bytes.empty()) break;
    recording->wrote(descriptor, offset, bytes);
    offset += bytes.size();
    left -= static_cast<ssize_t>(bytes.size());
  }
  return done;
}

int fdatasync(int descriptor) {
  static const auto next = behind(&fdatasync, "fdatasync");
  const auto done = next(descriptor);
  if (auto* const recording = WriteRecorder::recording(descriptor); recording && done == 0)
    recording->synced();
  return done;
}

int fsync(int descriptor) {
  static const auto next = behind(&fsync, "fsync");
  const auto done = next(descriptor);
  if (auto* const recording = WriteRecorder::recording(descriptor); recording && done == 0)
    recording->synced();
  return done;
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
